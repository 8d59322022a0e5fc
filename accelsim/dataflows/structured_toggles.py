"""Toggles of `structured`, output set by output set (docs/dataflows/structured_toggles.md)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import _structured_kernel as slots
from accelsim.dataflows import _structured_toggles_kernel as at
from accelsim.dataflows._toggle_walk import SAMPLED_PES, sampled_densities, steps_before, tensors_of
from accelsim.dataflows._zeros import nonzero_weights
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import StructuredArray, of_kind
from accelsim.kernels.pe_blocks import PES, units_of_sets
from accelsim.kernels.windows import geometry_vector
from accelsim.plan import Unrolling
from accelsim.tables import TOGGLES
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]


class Walk:
    """A unit is a block of an output set's PEs, or all of them; all counts are estimated."""

    def __init__(
        self, trace: LayerTrace, chip: Accelerator, spatial: Unrolling | None, *, exact: bool
    ) -> None:
        array = of_kind(chip.pe_array, StructuredArray)
        nonzero = nonzero_weights(trace)
        stored, most = slots.stored_weights(
            nonzero.reshape(-1, nonzero.shape[2]), array.kept_per_block, array.block_elements
        )
        is_dense = bool(most > array.kept_per_block)
        self.layer, self.tensors = trace.layer, tensors_of(trace, chip)
        self.stored = np.ones_like(nonzero) if is_dense else stored.reshape(nonzero.shape)
        self.kept = 1.0 if is_dense else array.kept_per_block / array.block_elements
        self.density = sampled_densities(trace)[1]
        rows, columns = (array.rows, array.columns) if exact else (SAMPLED_PES, SAMPLED_PES)
        self.parameters = np.array(
            [
                array.rows,
                array.columns,
                array.lanes,
                array.chunk_elements,
                array.activation_policy == "gate",
                0 if is_dense else array.block_elements,
                array.weight_bits,
                array.activation_bits,
                rows,
                columns,
            ],
            np.int64,
        )

    def units(self, box: Ints) -> Ints:
        """Dense MACs of each unit."""
        taps = self.layer.kernel[0] * self.layer.kernel[1]
        found: Ints = self._table(box)[:, PES] * (taps * int(box[5] - box[4]))
        return found

    def walk(self, box: Ints, numbers: Ints) -> npt.NDArray[np.float64]:
        """Toggles of units of a tile."""
        found, tensors = np.zeros((len(numbers), len(TOGGLES))), self.tensors
        at.walk_units(
            box,
            self._table(box)[numbers],
            self._steps_before(int(box[5] - box[4])),
            self._filter_blocks(box),
            geometry_vector(self.layer),
            self.parameters,
            tensors.numbers,
            (self.stored, tensors.weights, tensors.weight_zeros, tensors.activations),
            *self._new_state(int(box[5] - box[4])),
            found,
        )
        return found

    def always(self, box: Ints) -> dict[str, int]:
        """Nothing."""
        return {}

    def _steps_before(self, channels: int) -> int:
        """Steps after which registers of PEs have lost what was before them."""
        slots = max(int(channels * self.kept), 1)
        done = self.density if self.parameters[at.GATES] else 1.0
        return steps_before(slots, int(self.parameters[at.LANES]), 1.0, done, fixed=False)

    def _new_state(self, elements: int) -> tuple[tuple[npt.NDArray[Any], ...], tuple[npt.NDArray[Any], ...]]:
        """What units work on, all zeros.

        Slots of rows, channels of columns, wires of weights, of activations, registers, sums, scratch; and
        the last set of each block of PEs, -1; input pixels of a block's columns; room for counts.
        """
        rows, columns, lanes, chunk = self.parameters[:4].tolist()
        of_block = self.parameters[[at.BLOCK_ROWS, at.BLOCK_COLUMNS]].tolist()
        blocks = ceil_div(rows, of_block[0]), ceil_div(columns, of_block[1])
        state = (
            np.zeros((4, rows, elements), np.int64),
            np.zeros((3, columns, elements), np.int64),
            np.zeros((blocks[1], rows, chunk, 2), np.int64),
            np.zeros((blocks[0], columns, chunk, 1), np.int64),
            np.zeros((rows, columns, lanes, 4), np.int64),
            np.zeros((rows, columns, 1), np.int64),
            np.zeros((5, elements), np.int64),
        )
        taps, counts = self.layer.kernel[0] * self.layer.kernel[1], len(TOGGLES)
        pixels = np.zeros((taps, columns), np.int64)
        return state, (np.full(blocks, -1), pixels, np.zeros(counts, np.int64), np.zeros(counts))

    def _table(self, box: Ints) -> Ints:
        positions = int((box[1] - box[0]) * (box[7] - box[6]) * (box[9] - box[8]))
        block = (self.parameters[at.BLOCK_ROWS], self.parameters[at.BLOCK_COLUMNS])
        found: Ints = units_of_sets(
            self._filter_blocks(box)[:, 1], positions, self.parameters[at.COLUMNS], *block
        )
        return found

    def _filter_blocks(self, box: Ints) -> Ints:
        """First filter and filters of each block: of one group."""
        rows, in_group = int(self.parameters[at.ROWS]), self.layer.group_filters
        blocks, k, stop = [], int(box[2]), int(box[3])
        while k < stop:
            filters = min(rows, stop - k, in_group - k % in_group)
            blocks.append((k, filters))
            k += filters
        return np.array(blocks, np.int64)
