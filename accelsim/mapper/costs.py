"""What a plan costs by objective, and the prices that the search charges (docs/mapper.md, section 2).

Bytes and accesses that a plan decides are exact; what the array does inside of tiles is sampled: one tile
of the layer is counted, and its actions are scaled to the layer.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.bill import ActionCount
from accelsim.dataflows import DATAFLOWS, Prepared
from accelsim.energy import action_counts, price
from accelsim.energy.storage import clocked_bits
from accelsim.energy.table import EnergyTable
from accelsim.hardware import Accelerator
from accelsim.mapper import _cost_kernel
from accelsim.network import Layer
from accelsim.plan import Objective, Unrolling
from accelsim.tables import COUNTERS, TRAFFIC

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
OBJECTIVES: dict[Objective, int] = {
    "cycles": _cost_kernel.CYCLES,
    "dram": _cost_kernel.DRAM,
    "energy": _cost_kernel.ENERGY,
    "edp": _cost_kernel.EDP,
}
_SAMPLE_MACS = 2_000_000
# What a plan decides: bytes and accesses, so many that rounding to whole DRAM rows does not show.
_MANY = 2**20
_BY_PLAN = (
    ActionCount("dram", "read", 8 * _MANY, "bit"),
    ActionCount("dram", "write", 8 * _MANY, "bit"),
    ActionCount("scratchpad", "read", _MANY, "access"),
    ActionCount("scratchpad", "write", _MANY, "access"),
)
_LEAKAGE = (ActionCount("leakage", "scratchpad", 1, "cycle"), ActionCount("leakage", "lanes", 1, "cycle"))
# Reads of the scratchpad by the array and the way of what they read: as often as the array steps.
_BY_STEPS = ("scratchpad", "wires", "noc", "queue")


@dataclass(frozen=True, slots=True)
class Sample:
    """One tile's counts: int64 [len(COUNTERS)], and its box int64 [10]."""

    counters: Ints
    box: Ints


def machine_vector(chip: Accelerator) -> Ints:
    """What the replay and the costs need of a chip, in the order of _walk_kernel's constants."""
    rate = chip.dram_bytes_per_cycle
    return np.array(
        [
            chip.scratchpad.capacity_bytes,
            rate.numerator,
            rate.denominator,
            chip.dram_latency_cycles,
            chip.scratchpad.word_bytes,
        ],
        np.int64,
    )


def sampled(prepared: Prepared, chip: Accelerator, tiles: Ints, spatial: Unrolling | None = None) -> Sample:
    """The tile of a tiling that is nearest to a budget of MACs, counted.

    Parameters
    ----------
    tiles : int64 [tilings, 5], tile sizes n k c p q that the machine maps
    """
    layer = prepared.layer
    macs = tiles.prod(axis=1) * layer.kernel[0] * layer.kernel[1]
    size = tiles[int(np.argmin(np.abs(np.log(macs / _SAMPLE_MACS))))]
    box = np.zeros(10, np.int64)
    box[1::2] = size
    _, p, q, _ = layer.output_shape
    for first, extent, part in ((6, p, size[3]), (8, q, size[4])):  # from the middle: less padding
        box[first : first + 2] = (extent - part) // 2, (extent - part) // 2 + part
    return Sample(DATAFLOWS[chip.dataflow].tile_counters(prepared, box[None], chip, spatial=spatial)[0], box)


def prices_of(layer: Layer, chip: Accelerator, table: EnergyTable, sample: Sample | None) -> Floats:
    """Prices in pJ, in the order of _cost_kernel's constants; without a sample the array is free."""
    prices = np.zeros(7)
    # A DRAM priced by its parts has several lines a byte, and runs on with every cycle.
    prices[:4] = [sum(row.pj for row in price([count], chip, table)) / _MANY for count in _BY_PLAN]
    clock = ActionCount("clock", "tree", clocked_bits(chip), "bit")
    prices[_cost_kernel.P_CYCLE] = sum(row.pj for row in price([*_LEAKAGE, clock], chip, table))
    if sample is None:
        return prices
    totals = dict.fromkeys((*COUNTERS, *TRAFFIC), 0) | dict(
        zip(COUNTERS, sample.counters.tolist(), strict=True)
    )
    rows = price(action_counts({**totals, "cycles": 0}, chip), chip, table)
    stepping = sum(row.pj for row in rows if row.component in _BY_STEPS)
    alike = sum(row.pj for row in rows) - stepping
    n, k, c, p, q = np.diff(sample.box.reshape(5, 2), axis=1).ravel().tolist()
    macs = n * k * c * p * q * layer.kernel[0] * layer.kernel[1]
    prices[_cost_kernel.P_COMPUTE] = stepping / max(totals["compute_cycles"], 1)
    prices[_cost_kernel.P_ALIKE] = alike * layer.dense_macs / macs
    return prices
