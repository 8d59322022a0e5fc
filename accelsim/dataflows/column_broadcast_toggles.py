"""Toggles of `column_broadcast`, set by set (docs/dataflows/column_broadcast_toggles.md)."""

import numpy as np
import numpy.typing as npt

from accelsim.dataflows._column_broadcast_toggles_columns import HALF_TABLE, differences_of
from accelsim.dataflows._column_broadcast_toggles_kernel import walk_sets
from accelsim.dataflows._toggle_walk import tensors_of, unheld
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import ColumnBroadcastArray, of_kind
from accelsim.kernels.windows import geometry_vector
from accelsim.plan import Unrolling
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]


class Walk:
    """A unit is a set; all counts are estimated (as `_toggle_walk.Walk`)."""

    def __init__(
        self, trace: LayerTrace, chip: Accelerator, spatial: Unrolling | None, *, exact: bool
    ) -> None:
        array, tensors = of_kind(chip.pe_array, ColumnBroadcastArray), tensors_of(trace, chip)
        self.cell_filters, self.geometry = array.cell_filters, geometry_vector(trace.layer)
        weights = tensors.weights[:, 0]
        self.tensors = (tensors.numbers, weights, tensors.weight_zeros, tensors.activations)
        self.stored = _stored_bits(weights, tensors.weight_zeros, array)
        self.parameters = np.array(
            [
                array.multipliers,
                array.cell_filters,
                array.stored_weight_bits,
                8 * chip.scratchpad.word_bytes,
                chip.encodings.pointer_bits,
                array.weight_bits,
                array.activation_bits,
            ],
            np.int64,
        )

    def units(self, box: Ints) -> Ints:
        """Dense MACs of each set."""
        n, k, channels, rows, columns = np.diff(box)[::2].tolist()
        of_cells = np.minimum(self.cell_filters, k - np.arange(0, k, self.cell_filters))
        return np.repeat(of_cells * channels, n * rows * columns)

    def walk(self, box: Ints, numbers: Ints) -> Ints:
        """Toggles of sets of a tile."""
        found: Ints = walk_sets(box, numbers, self.geometry, self.parameters, self.tensors, self.stored)
        unheld(found, "weight_register", "activation_register", "weight_bus")
        return found

    def always(self, box: Ints) -> dict[str, int]:
        """Nothing."""
        return {}


def _stored_bits(
    weights: npt.NDArray[np.int8], zeros: npt.NDArray[np.int32], array: ColumnBroadcastArray
) -> Ints:
    """What is stored of each weight less its zero point, from -512 on: int64 [1024]; of a padding entry 0."""
    differences = np.arange(-HALF_TABLE, HALF_TABLE)
    if array.codebook:
        found = differences_of(weights, zeros).astype(np.int64)
        found[HALF_TABLE] = 0
        differences = np.cumsum(found) * found
    return differences & ((1 << array.stored_weight_bits) - 1)
