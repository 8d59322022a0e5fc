"""Area of a chip by component, and what follows from it: the PE's pitch and the lengths of wires.

::

    PE     = lanes x MAC + clocked bits x register bit + queue and small memories + zero test + clock buffers
    SRAM   = macros x CACTI's area at the macro's size and width (sram.py)
    pitch  = sqrt(area of a PE);  trunk = half a side of the scratchpad + half a side of the array
             (column_broadcast, cartesian: with each PE's own share of the memory)

Square millimetres. Areas of parts are those of 45 nm (`data/area_45nm.csv`), other nodes scale by Stillmaker
and Baas' factors; SRAM stands at its own node's points where CACTI has them.
"""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from accelsim.energy import sram
from accelsim.energy.scaling import factor
from accelsim.energy.storage import SRAM_FROM_BITS, pe_storage
from accelsim.errors import InputError
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import CartesianArray, ColumnBroadcastArray
from accelsim.units import ceil_div

_AREAS = Path(__file__).parent / "data" / "area_45nm.csv"
_NODE = 45.0
Bounds = tuple[float, float, float]  # middle, low, high


@dataclass(frozen=True, slots=True)
class AreaRow:
    """Area of a component of the whole chip in mm2, with bounds and source."""

    component: str
    count: int
    unit: str
    mm2: float
    low_mm2: float
    high_mm2: float
    source: str


@dataclass(frozen=True, slots=True)
class ChipArea:
    """A chip's area by component; `pe_mm2` is one PE, everything of `rows` but the shared parts."""

    node_nm: float
    rows: tuple[AreaRow, ...]
    pe_mm2: float
    scratchpad_mm2: float
    pes: int
    memory_in_pes: bool

    @property
    def mm2(self) -> float:
        """The whole chip (not its pads, controllers of DRAM, or host)."""
        return math.fsum(row.mm2 for row in self.rows)

    @property
    def bounds_mm2(self) -> tuple[float, float]:
        """Sums of the low and of the high bounds."""
        return math.fsum(row.low_mm2 for row in self.rows), math.fsum(row.high_mm2 for row in self.rows)

    @property
    def pitch_mm(self) -> float:
        """From a PE to its neighbour: the side of a square PE, with its memory where it has its own."""
        own = self.scratchpad_mm2 / self.pes if self.memory_in_pes else 0.0
        return math.sqrt(self.pe_mm2 + own)

    @property
    def trunk_mm(self) -> float:
        """From the middle of the scratchpad to that of the array, two squares side by side.

        Of a PE with a memory of its own: from the middle of one to that of the other.
        """
        parts = self.pes if self.memory_in_pes else 1
        return (math.sqrt(self.scratchpad_mm2 / parts) + math.sqrt(self.pe_mm2 * self.pes / parts)) / 2


@cache
def _prices() -> dict[tuple[str, int | None], tuple[Bounds, str]]:
    with _AREAS.open(newline="") as file:
        return {
            (row["component"], int(row["width_bits"]) if row["width_bits"] else None): (
                (float(row["um2"]), float(row["low_um2"]), float(row["high_um2"])),
                row["source"],
            )
            for row in csv.DictReader(file)
        }


@cache
def chip_area(chip: Accelerator, node_nm: float) -> ChipArea:
    """Area of a chip at a node.

    Raises
    ------
    InputError
        If there are no scaling factors for the node, or no area of a multiplier of its width.
    """
    by = factor("area", _NODE, node_nm, "area")
    pes = chip.pe_array.rows * chip.pe_array.columns
    held = pe_storage(chip)
    width = max(chip.pe_array.weight_bits, chip.pe_array.activation_bits)
    flops = sum(bits for bits in held.memories_bits if bits < SRAM_FROM_BITS)
    memories = sum(bits for bits in held.memories_bits if bits >= SRAM_FROM_BITS)
    of_pes = [
        _row("mac", held.lanes * pes, "lane", by, width),
        _row("register", (held.clocked_bits + flops) * pes, "bit", by),
        _row("queue", held.queue_bits * pes, "bit", by),
        _row("memory", memories * pes, "bit", by),
        _row("mask", held.mask_bits * pes, "bit", by),
        _row("clock", held.clocked_bits * pes, "bit", by),
    ]
    post = chip.postprocessor
    units = max(post.elements_per_cycle, post.drain_elements_per_cycle)
    scratchpad = _scratchpad(chip, node_nm)
    parts = [*(row for row in of_pes if row.count), scratchpad, _row("postprocessor", units, "lane", by)]
    shares, source = _prices()["filler", None]
    filler = [
        math.fsum(getattr(row, name) for row in parts) * share / (1 - share)
        for name, share in zip(("mm2", "low_mm2", "high_mm2"), shares, strict=True)
    ]
    pe = math.fsum(row.mm2 for row in of_pes) / pes
    # EIE and SCNN: each PE holds its share of weights or activations beside its multipliers.
    in_pes = isinstance(chip.pe_array, ColumnBroadcastArray | CartesianArray)
    parts.append(AreaRow("filler", 1, "chip", *_bounds(filler), source))
    return ChipArea(node_nm, tuple(parts), pe, scratchpad.mm2, pes, in_pes)


def macro_bytes(chip: Accelerator) -> int:
    """Bytes of one of the scratchpad's macros: `energy.macro_bytes`, or the whole."""
    return chip.energy.macro_bytes or chip.scratchpad.capacity_bytes


def _row(component: str, count: int, unit: str, by: float, width: int | None = None) -> AreaRow:
    prices = _prices()
    if (component, width) not in prices:
        known = ", ".join(str(w) for c, w in prices if c == component)
        raise InputError(f"area: no {component} of {width} bits; known: {known}")
    bounds, source = prices[component, width]
    return AreaRow(component, count, unit, *_bounds(count * um2 * by * 1e-6 for um2 in bounds), source)


def _bounds(values: Iterable[float]) -> Bounds:
    middle, low, high = values
    return middle, low, high


def _scratchpad(chip: Accelerator, node_nm: float) -> AreaRow:
    size, width = macro_bytes(chip), chip.scratchpad.word_bytes * 8
    count = ceil_div(chip.scratchpad.capacity_bytes, size)
    at = node_nm if node_nm in sram.point_nodes() else _NODE
    by = factor("area", at, node_nm, "area")
    bounds = sram.fitted("area", at, size, width)
    source = f"CACTI through hwcomponents-cacti 1.0.40, cells itrs-lstp, {at:g} nm"
    if sram.extrapolated(size, width):
        source += "; extrapolated beyond the points of the fit"
    return AreaRow("scratchpad", count, "macro", *_bounds(count * um2 * by * 1e-6 for um2 in bounds), source)
