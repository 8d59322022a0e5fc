"""The one place where GB/s, ns and MHz become cycles, in integer arithmetic.

Core cycles and bytes are integers. A rate is kept as an exact fraction of two integers, so that
what one transfer leaves of a cycle is carried to the next and nothing is lost by rounding.
"""

from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import lru_cache


def exact(value: float | int | str) -> Fraction:
    """The decimal number a user wrote, as a fraction: ``0.1`` is 1/10, not its binary neighbour."""
    return Fraction(Decimal(str(value)))


def ceil_div(numerator: int, denominator: int) -> int:
    """The quotient rounded up; both integers, denominator positive."""
    return -(-numerator // denominator)


@lru_cache(maxsize=1024)  # asked by every layer
def cycles_of_ns(duration_ns: float, clock_mhz: float) -> int:
    """Core cycles that cover `duration_ns`, rounded up."""
    cycles = exact(duration_ns) * exact(clock_mhz) / 1000
    return ceil_div(cycles.numerator, cycles.denominator)


@lru_cache(maxsize=1024)
def bytes_per_cycle(rate_gb_per_s: float, efficiency_fraction: float, clock_mhz: float) -> Fraction:
    """Bytes that a memory of `rate_gb_per_s` (10^9 bytes/s) moves in one core cycle, exactly."""
    return exact(rate_gb_per_s) * exact(efficiency_fraction) * 1000 / exact(clock_mhz)


def milliseconds(cycles: int, clock_mhz: float) -> float:
    """Duration in ms of `cycles` core cycles."""
    return float(Fraction(cycles) / (exact(clock_mhz) * 1000))


def rounded(value: float, digits: int) -> Decimal:
    """`value` with `digits` decimals for a table: half to even, independent of the platform."""
    return Decimal(repr(float(value))).quantize(Decimal(1).scaleb(-digits), rounding=ROUND_HALF_EVEN)
