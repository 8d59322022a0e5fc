"""Toggles of `inner_join`, output set by output set (docs/dataflows/inner_join_toggles.md)."""

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import _inner_join_toggles_kernel as at
from accelsim.dataflows import _inner_join_vectors as vectors
from accelsim.dataflows._inner_join_tile import filter_block
from accelsim.dataflows._toggle_walk import SAMPLED_PES, tensors_of
from accelsim.dataflows.inner_join import parameters
from accelsim.hardware import Accelerator
from accelsim.kernels.pe_blocks import PES, units_of_sets
from accelsim.kernels.windows import geometry_vector
from accelsim.plan import Unrolling
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]


class Walk:
    """A unit is a block of an output set's PEs, or all of them; all counts are estimated."""

    def __init__(
        self, trace: LayerTrace, chip: Accelerator, spatial: Unrolling | None, *, exact: bool
    ) -> None:
        array = chip.pe_array
        held = spatial or Unrolling(array.rows, array.columns)
        self.layer, self.tensors = trace.layer, tensors_of(trace, chip)
        self.parameters = parameters(chip, held)
        sampled = (_rows_of_a_block(held.filters, self.layer.group_filters), SAMPLED_PES)
        self.block = (held.filters, held.positions) if exact else sampled

    def units(self, box: Ints) -> Ints:
        """Dense MACs of each unit."""
        taps = self.layer.kernel[0] * self.layer.kernel[1]
        found: Ints = self._table(box)[:, PES] * (taps * int(box[5] - box[4]))
        return found

    def walk(self, box: Ints, numbers: Ints) -> npt.NDArray[np.float64]:
        """Toggles of units of a tile."""
        tensors = self.tensors
        found: npt.NDArray[np.float64] = at.walk_units(
            box,
            self._table(box)[numbers],
            self._filter_blocks(box),
            self.block,
            geometry_vector(self.layer),
            self.layer.group_filters,
            self.parameters,
            tensors.numbers,
            (tensors.weights, tensors.weight_zeros, tensors.activations),
        )
        return found

    def always(self, box: Ints) -> dict[str, int]:
        """Nothing."""
        return {}

    def _table(self, box: Ints) -> Ints:
        positions = int((box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8]))
        filters = self._filter_blocks(box)[:, 1]
        found: Ints = units_of_sets(filters, positions, self.parameters[vectors.COLUMNS], *self.block)
        return found

    def _filter_blocks(self, box: Ints) -> Ints:
        """First filter and filters of each block."""
        rows, blocks, k = int(self.parameters[vectors.ROWS]), [], int(box[2])
        while k < box[3]:
            blocks.append((k, int(filter_block(k, int(box[3]), rows, self.layer.group_filters))))
            k += blocks[-1][1]
        return np.array(blocks, np.int64)


def _rows_of_a_block(rows: int, group_filters: int) -> int:
    """Rows of a sampled block: a part of one group, or whole groups where a set holds several."""
    if rows < 2 * group_filters:
        return SAMPLED_PES
    if group_filters <= SAMPLED_PES:
        return SAMPLED_PES // group_filters * group_filters
    return SAMPLED_PES if group_filters % SAMPLED_PES == 0 else group_filters
