"""Toggles of `inner_join`, output set by output set (docs/dataflows/inner_join_toggles.md)."""

from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import _inner_join_toggles_kernel as at
from accelsim.dataflows import _inner_join_vectors as vectors
from accelsim.dataflows._inner_join_tile import filter_block
from accelsim.dataflows._toggle_walk import SAMPLED_PES, sampled_densities, steps_before, tensors_of, unheld
from accelsim.dataflows.inner_join import parameters
from accelsim.hardware import Accelerator
from accelsim.kernels.matching import GATE, SKIP
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
        array = chip.pe_array
        held = spatial or Unrolling(array.rows, array.columns)
        self.layer, self.tensors = trace.layer, tensors_of(trace, chip)
        self.parameters, self.densities = parameters(chip, held), sampled_densities(trace)
        sampled = (_rows_of_a_block(held.filters, self.layer.group_filters), SAMPLED_PES)
        self.block = (held.filters, held.positions) if exact else sampled

    def units(self, box: Ints) -> Ints:
        """Dense MACs of each unit."""
        taps = self.layer.kernel[0] * self.layer.kernel[1]
        found: Ints = self._table(box)[:, PES] * (taps * int(box[5] - box[4]))
        return found

    def walk(self, box: Ints, numbers: Ints) -> npt.NDArray[np.float64]:
        """Toggles of units of a tile."""
        found = np.zeros((len(numbers), len(TOGGLES)))
        tensors = self.tensors
        at.walk_units(
            box,
            self._table(box)[numbers],
            self._steps_before(int(box[5] - box[4])),
            self._filter_blocks(box),
            self.block,
            geometry_vector(self.layer),
            self.layer.group_filters,
            self.parameters,
            tensors.numbers,
            (tensors.weights, tensors.weight_zeros, tensors.activations),
            *self._new_state(),
            found,
        )
        if GATE not in (self.parameters[vectors.POLICY_W], self.parameters[vectors.POLICY_A]):
            unheld(found, "weight_register", "activation_register")
        return found

    def always(self, box: Ints) -> dict[str, int]:
        """Nothing."""
        return {}

    def _steps_before(self, channels: int) -> int:
        """Steps of a part after which registers of its PEs have lost what was before them."""
        p, slots, done = self.parameters, 1.0, 1.0
        policies = (p[vectors.POLICY_W], p[vectors.POLICY_A])
        for policy, density in zip(policies, self.densities, strict=True):
            slots *= density if policy == SKIP else 1
            done *= density if policy == GATE else 1
        elements = min(int(p[vectors.CHUNK]), channels)
        return steps_before(elements, int(p[vectors.LANES]), slots, done, fixed=bool(p[vectors.FIXED]))

    def _new_state(self) -> tuple[tuple[Any, ...], tuple[npt.NDArray[Any], ...]]:
        """What units work on, all zeros.

        Chunks of rows, of columns (words, values, nonzero, loads), scratch; and of each block of PEs wires
        and mask wires of weights, of activations, registers, sums. And the last set of each block, -1; input
        pixels of a block's columns; room for counts.
        """
        p, (rows, columns) = self.parameters, self.block
        lanes, chunk, parts = (int(p[name]) for name in (vectors.LANES, vectors.CHUNK, vectors.PARTS))
        blocks = (ceil_div(int(p[vectors.ROWS]), rows), ceil_div(int(p[vectors.COLUMNS]), columns))
        taps, places = self.layer.kernel[0] * self.layer.kernel[1], max(rows // self.layer.group_filters, 1)
        of_w = (columns if p[vectors.DOMAIN] == at.COLUMN_DOMAINS else 1, rows, chunk)
        of_a = (rows if p[vectors.DOMAIN] == at.ROW_DOMAINS else 1, columns, places, chunk)
        chunks = [
            tuple(np.zeros((*of, chunk), kind) for kind in (np.int64, np.int64, np.uint8, np.int64))
            for of in ((rows,), (columns, places))
        ]
        state = (
            *chunks,
            np.zeros((2, max(chunk + 1, rows)), np.int64),
            np.zeros((blocks[0] * blocks[1] * parts, 2, *of_w), np.int64),
            np.zeros((blocks[0] * blocks[1] * parts, *of_w), np.uint8),
            np.zeros((blocks[0] * blocks[1] * parts, 2, *of_a), np.int64),
            np.zeros((blocks[0] * blocks[1] * parts, *of_a), np.uint8),
            np.zeros((blocks[0] * blocks[1] * parts, rows, columns, lanes, 4), np.int64),
            np.zeros((blocks[0] * blocks[1] * parts, rows, columns, lanes), np.int64),
        )
        counts = len(TOGGLES)
        last, pixels = np.full(blocks, -1), np.zeros((taps, columns), np.int64)
        totals, sent = np.zeros(counts, np.int64), np.zeros((2, counts), np.int64)
        return state, (last, pixels, totals, sent, np.zeros(counts))

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
