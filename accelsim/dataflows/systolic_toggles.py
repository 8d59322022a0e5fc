"""Toggles of `systolic`: wires once a word, sums by stretches of the stream or by columns of a fold.

Defined in docs/dataflows/systolic_toggles.md.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.dataflows._systolic_toggles_edges import count_outputs, count_stationary
from accelsim.dataflows._systolic_toggles_outputs import walk_outputs
from accelsim.dataflows._systolic_toggles_sums import STRETCH, walk_sums
from accelsim.dataflows._toggle_walk import tensors_of
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import SystolicArray, of_kind
from accelsim.kernels.windows import geometry_vector
from accelsim.plan import Unrolling
from accelsim.tables import TOGGLES
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
_STATIONARY = ("weights", "activations", "outputs")
_OF_PES = {
    "weight_register_toggles",
    "activation_register_toggles",
    "weight_register_toggles_without_hold",
    "activation_register_toggles_without_hold",
    "accumulator_toggles",
}


class Walk:
    """A unit is a column of a block of folds and 32 stream indices; of `outputs`, a column of a fold."""

    def __init__(
        self, trace: LayerTrace, chip: Accelerator, spatial: Unrolling | None, *, exact: bool
    ) -> None:
        array = of_kind(chip.pe_array, SystolicArray)
        self.layer, self.array, tensors = trace.layer, array, tensors_of(trace, chip)
        self.tensors = (tensors.numbers, tensors.weights, tensors.weight_zeros, tensors.activations)
        self.parameters = np.array(
            [
                array.rows,
                array.columns,
                _STATIONARY.index(array.stationary),
                array.weight_policy == "gate",
                array.activation_policy == "gate",
                array.weight_bits,
                array.activation_bits,
                trace.layer.group_filters,
            ],
            np.int64,
        )

    def units(self, box: Ints) -> Ints:
        """Dense MACs of each unit."""
        filters, positions = self._sizes(box)
        groups = int(box[3] - box[2]) // filters
        length = self.layer.kernel[0] * self.layer.kernel[1] * int(box[5] - box[4])
        if self.array.stationary == "outputs":
            down = _cut(positions, self.array.rows)
            blocks = [np.repeat(down, across) for across in _cut(filters, self.array.columns)]
            return np.tile(np.concatenate(blocks), groups) * length
        across, stream = (filters, positions) if self.array.stationary == "weights" else (positions, filters)
        return np.tile(_cut(stream, STRETCH), groups * across) * length

    def walk(self, box: Ints, numbers: Ints) -> Ints:
        """Toggles of units of a tile."""
        walk = walk_outputs if self.array.stationary == "outputs" else walk_sums
        found: Ints = walk(*self._given(box, numbers))
        return found

    def always(self, box: Ints) -> dict[str, int]:
        """All wires; and the registers, where an operand stays."""
        outputs_stay = self.array.stationary == "outputs"
        count = count_outputs if outputs_stay else count_stationary
        counts = zip(TOGGLES, count(*self._given(box)).tolist(), strict=True)
        sampled = _OF_PES if outputs_stay else {"accumulator_toggles"}
        return {name: count for name, count in counts if name not in sampled}

    def _sizes(self, box: Ints) -> tuple[int, int]:
        """Filters of one group of the tile, and positions."""
        n, filters, _, p, q = np.diff(box)[::2].tolist()
        return min(filters, self.layer.group_filters), n * p * q

    def _given(self, box: Ints, *numbers: Ints) -> tuple[Any, ...]:
        """What every kernel takes of a tile."""
        geometry = geometry_vector(self.layer)
        return (box, *numbers, geometry, self.parameters, self.tensors, *self._sizes(box))


def _cut(extent: int, size: int) -> Ints:
    """Sizes of an extent's blocks, the last one shorter."""
    sizes = np.full(ceil_div(extent, size), size, np.int64)
    sizes[-1] -= sizes.sum() - extent
    return sizes
