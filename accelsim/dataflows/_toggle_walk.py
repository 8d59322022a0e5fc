"""What a dataflow gives for its toggles to be counted: a walk over the units of its tiles.

A module `<dataflow>_toggles` has a class `Walk` of this shape; `accelsim.toggle_sample` draws and estimates.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from accelsim.hardware import Accelerator
from accelsim.plan import Unrolling
from accelsim.tables import TOGGLES
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]
# Before a unit PEs walk so many steps that a lane has loaded but for this chance, within bounds; of sparse
# operands also so many elements, since filters of few weights differ in their zeros.
_MISSED, _STEPS_AT_LEAST, _SPARSE_ELEMENTS, _STEPS_AT_MOST = 0.001, 2, 64, 128
_LOOKED_AT = 4096  # elements of a tensor, for its density
SAMPLED_PES = 4  # rows, and columns, of a block of PEs: the unit of a sample where a set is large


class Walk(Protocol):
    """A layer's tensors as the kernel takes them.

    A unit is that of the dataflow's page (docs/dataflows/*_toggles.md, sampling). Each begins with what
    the unit before it in its tile leaves, the first of a tile with zeros.
    """

    def __init__(
        self, trace: LayerTrace, chip: Accelerator, spatial: Unrolling | None, *, exact: bool
    ) -> None:
        """`spatial`: of the plan, as the dataflow's unrollings are; `exact`: every unit will be walked, in
        which case units may be coarser than those of a sample.
        """

    def units(self, box: Ints) -> Ints:
        """Dense MACs of each unit of a tile, in order: int64 [units]; box as tables.BOX."""

    def walk(self, box: Ints, numbers: Ints) -> npt.NDArray[Any]:
        """Toggles of some units of a tile: int64 or float64 [units, len(tables.TOGGLES)].

        `numbers`: int64, ascending, each in 0 .. units - 1, never empty. What is left by a unit before one
        that is not in `numbers` is found here, uncounted. Columns of `always` are not looked at.
        """

    def always(self, box: Ints) -> dict[str, int]:
        """Those toggles of a tile that are exact always, by name (tables.TOGGLES); in all tiles the same.

        They cost a look at each operand that is sent, not at each pair.
        """


@dataclass(frozen=True, slots=True)
class Tensors:
    """A layer's tensors, contiguous, in one type whatever the trace has: kernels are compiled once.

    Attributes
    ----------
    weights : int16 [K, taps, C]; weight_zeros : int32 [K]
    activations : int16 [N*H*W, groups * C]
    numbers : int64 [2], zero point of activations, mask of an accumulator's bits
    """

    weights: npt.NDArray[Any]
    weight_zeros: npt.NDArray[np.int32]
    activations: npt.NDArray[Any]
    numbers: Ints


def unheld(found: npt.NDArray[Any], *names: str) -> None:
    """Where nothing is held, counts without hold are those with it: int64 [.., len(TOGGLES)], written."""
    for name in names:
        free, own = TOGGLES.index(f"{name}_toggles_without_hold"), TOGGLES.index(f"{name}_toggles")
        found[..., free] = found[..., own]


def tensors_of(trace: LayerTrace, chip: Accelerator) -> Tensors:
    """What every toggle kernel takes."""
    k, r, s, c = trace.layer.weight_shape
    bits = chip.pe_array.accumulator_bits
    accumulator = (1 << bits) - 1 if bits < 64 else -1
    return Tensors(
        np.array(trace.weights, np.int16, order="C").reshape(k, r * s, c),
        np.array(np.broadcast_to(trace.weight_zero_points, k), np.int32),
        np.array(trace.activations, np.int16, order="C").reshape(-1, trace.layer.activation_shape[3]),
        np.array([trace.activation_zero_point, accumulator], np.int64),
    )


def sampled_densities(trace: LayerTrace) -> tuple[float, float]:
    """Shares of weights and of activations that are not zero, by some thousands of each."""
    at = np.arange(0, trace.weights.size, max(trace.weights.size // _LOOKED_AT, 1) | 1)
    filters = at // trace.weights[0].size
    zeros = np.broadcast_to(trace.weight_zero_points, len(trace.weights))[filters]
    activations = trace.activations.reshape(-1)[:: max(trace.activations.size // _LOOKED_AT, 1) | 1]
    return (
        float((trace.weights.reshape(-1)[at] != zeros).mean()),
        float((activations != trace.activation_zero_point).mean()),
    )


@lru_cache(256)  # tiles of a layer ask for the same
def steps_before(elements: int, lanes: int, slots: float, done: float, *, fixed: bool) -> int:
    """Steps after which the last lane of a PE that can load has loaded, nearly surely.

    Parameters
    ----------
    elements : int, of a step's chunk at most
    slots : float, share of its pairs that come to lanes; done : float, share of those that load
    fixed : bool, whether a lane has elements of its own; else slots go to lanes in turn
    """
    used = min(lanes, elements)
    if fixed:
        loads = elements // used * slots
    else:  # one for each turn in which there are slots for all lanes
        loads = sum(
            math.comb(elements, n) * slots**n * (1 - slots) ** (elements - n) * (n // used)
            for n in range(used, elements + 1)
        )
    by_chance = -math.log(_MISSED) / max(loads * done, 1e-9) if slots * done < 1 else 1
    needed = max(by_chance, _STEPS_AT_LEAST, (1 - slots * done) * _SPARSE_ELEMENTS / elements)
    return math.ceil(min(needed, _STEPS_AT_MOST))
