"""Energy of a scratchpad access by size and width: a fit to CACTI.

::

    read_pj(size, width)  = reference * (size / reference size)^0.57  * (width / reference width)^0.56
    write_pj(size, width) = reference * (size / reference size)^0.465 * (width / reference width)^0.775

The exponents are fitted in logarithms to 48 points of CACTI (through hwcomponents-cacti
1.0.40; 45 nm, cells itrs-lstp, 300 K) from 1 KiB to 2 MiB and 32 to 256 bits; the reference is a row of the
energy table. A point lies between 0.668 and 1.492 times the fit for reads, 0.804 and 1.310 for writes: the
rows' low and high. Leakage is linear in the size. The whole scratchpad is priced as one macro. A row at the
chip's own size and width is used exactly as written.
"""

import math
from collections.abc import Sequence

from accelsim.energy.table import PriceRow

# (size, width)
EXPONENTS = {"read": (0.57, 0.56), "write": (0.465, 0.775), "leakage": (1.0, 0.0)}
FIT_BYTES = (1024, 2 * 2**20)
FIT_BITS = (32, 256)


def nearest(rows: Sequence[PriceRow], size_bytes: int, width_bits: int) -> PriceRow:
    """The row whose size and width need the least scaling; the first of equals."""

    def distance(row: PriceRow) -> float:
        size, width = row.size_bytes or size_bytes, row.width_bits or width_bits
        return abs(math.log(size / size_bytes)) + abs(math.log(width / width_bits))

    return min(rows, key=distance)


def scale(row: PriceRow, size_bytes: int, width_bits: int) -> float:
    """Factor from the row's own size and width to the chip's; exactly 1 where they are equal."""
    size_exponent, width_exponent = EXPONENTS[row.action]
    size = size_bytes / (row.size_bytes or size_bytes)
    width = width_bits / (row.width_bits or width_bits)
    return float(size**size_exponent * width**width_exponent)


def extrapolated(size_bytes: int, width_bits: int) -> bool:
    """Whether the fit has no points around this size and width."""
    return not (FIT_BYTES[0] <= size_bytes <= FIT_BYTES[1] and FIT_BITS[0] <= width_bits <= FIT_BITS[1])
