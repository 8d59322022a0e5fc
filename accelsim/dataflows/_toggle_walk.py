"""What a dataflow gives for its toggles to be counted: a walk over the units of its tiles.

A module `<dataflow>_toggles` has a class `Walk` of this shape; `dataflows.toggles` draws and estimates.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from accelsim.hardware import Accelerator
from accelsim.plan import Unrolling
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]
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
    """A layer's tensors, contiguous.

    Attributes
    ----------
    weights : int8 or uint8 [K, taps, C]; weight_zeros : int32 [K]
    activations : int8 or uint8 [N*H*W, groups * C]
    numbers : int64 [2], zero point of activations, mask of an accumulator's bits
    """

    weights: npt.NDArray[Any]
    weight_zeros: npt.NDArray[np.int32]
    activations: npt.NDArray[Any]
    numbers: Ints


def tensors_of(trace: LayerTrace, chip: Accelerator) -> Tensors:
    """What every toggle kernel takes."""
    k, r, s, c = trace.layer.weight_shape
    bits = chip.pe_array.accumulator_bits
    accumulator = (1 << bits) - 1 if bits < 64 else -1
    return Tensors(
        np.ascontiguousarray(trace.weights).reshape(k, r * s, c),
        np.ascontiguousarray(np.broadcast_to(trace.weight_zero_points, k), np.int32),
        np.ascontiguousarray(trace.activations).reshape(-1, trace.layer.activation_shape[3]),
        np.array([trace.activation_zero_point, accumulator], np.int64),
    )
