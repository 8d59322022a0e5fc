"""Toggles of `systolic`, by columns and stretches of the stream, or by columns of a fold.

Defined in docs/dataflows/systolic_toggles.md.
"""

import numpy as np
import numpy.typing as npt

from accelsim.dataflows._systolic_toggles_outputs import walk_columns
from accelsim.dataflows._systolic_toggles_sums import STRETCH, walk_stretches
from accelsim.dataflows._toggle_walk import tensors_of
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import SystolicArray, of_kind
from accelsim.kernels.windows import geometry_vector
from accelsim.plan import Unrolling
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]
_STATIONARY = ("weights", "activations", "outputs")


class Walk:
    """A unit is a column of a block of folds and 16 stream indices; of `outputs`, a column of a fold."""

    def __init__(
        self, trace: LayerTrace, chip: Accelerator, spatial: Unrolling | None, *, exact: bool
    ) -> None:
        array = of_kind(chip.pe_array, SystolicArray)
        self.layer, self.array, tensors = trace.layer, array, tensors_of(trace, chip)
        self.tensors = (tensors.numbers, tensors.weights, tensors.weight_zeros, tensors.activations)
        self.parameters = (
            array.rows,
            array.columns,
            _STATIONARY.index(array.stationary),
            int(array.weight_policy == "gate"),
            int(array.activation_policy == "gate"),
            array.weight_bits,
            array.activation_bits,
            trace.layer.group_filters,
        )
        self.geometry, self._units = geometry_vector(trace.layer), dict[tuple[int, ...], Ints]()

    def units(self, box: Ints) -> Ints:
        """Dense MACs of each unit."""
        extents = tuple((box[1::2] - box[::2]).tolist())
        if extents not in self._units:  # most tiles of a layer are of one size
            self._units[extents] = self._units_of(extents[1], *self._sizes(box))
        return self._units[extents]

    def _units_of(self, all_filters: int, filters: int, positions: int, length: int) -> Ints:
        groups = all_filters // filters
        if self.array.stationary == "outputs":
            down = _cut(positions, self.array.rows)
            blocks = [np.repeat(down, across) for across in _cut(filters, self.array.columns)]
            return np.tile(np.concatenate(blocks), groups) * length
        across, stream = (filters, positions) if self.array.stationary == "weights" else (positions, filters)
        return np.tile(np.repeat(_cut(stream, STRETCH) * length, across), groups)

    def walk(self, box: Ints, numbers: Ints) -> npt.NDArray[np.float64]:
        """Toggles of units of a tile."""
        walk = walk_columns if self.array.stationary == "outputs" else walk_stretches
        of_tile = np.array([*self.parameters, *self._sizes(box)], np.int64)
        found: npt.NDArray[np.float64] = walk(box, numbers, self.geometry, of_tile, self.tensors)
        return found

    def always(self, box: Ints) -> dict[str, int]:
        """Nothing."""
        return {}

    def _sizes(self, box: Ints) -> tuple[int, int, int]:
        """Filters of one group of the tile, positions, and indices of the reduction."""
        n, filters, channels, p, q = (box[1::2] - box[::2]).tolist()
        taps = self.layer.kernel[0] * self.layer.kernel[1]
        return min(filters, self.layer.group_filters), n * p * q, taps * channels


def _cut(extent: int, size: int) -> Ints:
    """Sizes of an extent's blocks, the last one shorter."""
    sizes = np.full(ceil_div(extent, size), size, np.int64)
    sizes[-1] -= sizes.sum() - extent
    return sizes
