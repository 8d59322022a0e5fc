"""Cycle-stepping reference of `cartesian`: products of stored values, scattered to banks.

Written from docs/dataflows/cartesian.md. Products are made from raw pixels and taps; every queue before
a bank is a real queue; barrier, double accumulators, halos and drains move with one clock.

::

    for each cycle
      sums of the oldest finished output group drain
      the next output group starts if all PEs have met and a set of accumulators is free
      each PE issues a step or waits for its banks; each bank takes a product
"""

from collections import Counter, deque
from itertools import product

from accelsim.hardware.arrays import CartesianArray, of_kind
from accelsim.hardware.model import Accelerator
from accelsim.plan import Tile
from accelsim.reference._cartesian_pe import (
    Pe,
    activation_entries,
    product_of,
    vectors,
    weight_entries,
)
from accelsim.reference._cartesian_plane import (
    OutputGroup,
    Rectangle,
    made_outputs,
    output_groups,
    owned_outputs,
    rectangles,
    sides,
)
from accelsim.tables import COUNTERS, TILE_CAUSES
from accelsim.trace.layer import LayerTrace
from accelsim.units import ceil_div


def tile_counts(trace: LayerTrace, tile: Tile, chip: Accelerator) -> dict[str, int]:
    """Every counter of one tile, by stepping the machine.

    Parameters
    ----------
    tile : half-open ranges; a PE's banks hold its haloed part

    Returns
    -------
    dict[str, int] with the keys `accelsim.tables.COUNTERS`, in that order
    """
    array = of_kind(chip.pe_array, CartesianArray)
    counts = dict.fromkeys(COUNTERS, 0)
    machine = _Machine(trace, tile, chip, counts)
    cycle = 0
    while not machine.step():
        cycle += 1
    machine.causes["fill"] += array.pipeline_cycles * array.multipliers
    counts["compute_cycles"] = cycle + array.pipeline_cycles
    for cause in TILE_CAUSES:
        counts[f"{cause}_lane_cycles"] = machine.causes[cause]
    counts["accumulator_updates"] += counts["done_macs"]
    counts["activation_queue_write_bytes"] = counts["activation_scratchpad_read_bytes"]
    positions = (tile.p1 - tile.p0) * (tile.q1 - tile.q0)
    per_output = trace.layer.kernel[0] * trace.layer.kernel[1] * (tile.c1 - tile.c0)
    counts["outputs"] = (tile.n1 - tile.n0) * (tile.k1 - tile.k0) * positions
    counts["dense_macs"] = counts["outputs"] * per_output
    counts["skipped_macs"] = counts["dense_macs"] - counts["done_macs"]
    return counts


class _Machine:
    """All PEs of one tile, their barrier and the drain of their sums."""

    def __init__(self, trace: LayerTrace, tile: Tile, chip: Accelerator, counts: dict[str, int]) -> None:
        self._trace, self._tile, self._chip, self._counts = trace, tile, chip, counts
        self._array = of_kind(chip.pe_array, CartesianArray)
        self._sides = sides(trace, tile)
        self._rectangles = rectangles(self._sides, self._array)
        self._groups = list(output_groups(trace, tile, self._array, self._rectangles[0], self._sides))
        self._started = self._finished = self._drained = 0
        self._drain_left = 0
        self._pes: list[Pe] = []
        self.causes: Counter[str] = Counter()

    def step(self) -> bool:
        """One cycle; True if there was nothing left to do in it."""
        if self._drain_left:
            self._drain_left -= 1
            self._drained += not self._drain_left
        self._begin_drain()
        while self._may_start():
            self._start(self._groups[self._started])
            self._begin_drain()
        if self._drained == len(self._groups):
            return True
        lanes = self._array.lanes
        if self._finished == self._started:
            self.causes["drain_wait"] += len(self._rectangles) * lanes
            return False
        for pe, rectangle in zip(self._pes, self._rectangles, strict=True):
            if pe.busy:
                pe.cycle(self._counts, self.causes)
            else:
                self.causes["imbalance" if rectangle.mapped else "unmapped"] += lanes
        self._finished += not any(pe.busy for pe in self._pes)
        return False

    def _may_start(self) -> bool:
        """All PEs have met, and the sums of the output group before the last have drained."""
        if self._started == len(self._groups) or self._finished < self._started:
            return False
        return self._drained >= self._started - 1

    def _start(self, of: OutputGroup) -> None:
        self._started += 1
        array = self._array
        self._pes = [Pe(deque(), array.lanes, array.bank_queue_depth) for _ in self._rectangles]
        phases = list(product(range(self._sides[0].stride), range(self._sides[1].stride)))
        for c, phase in product(range(self._tile.c0, self._tile.c1), phases):
            self._add_steps(of, c, phase)
        self._finished += not any(pe.busy for pe in self._pes)

    def _add_steps(self, of: OutputGroup, c: int, phase: tuple[int, int]) -> None:
        """Give every PE its steps of a channel and phase, and count what they read."""
        trace, array, counts = self._trace, self._array, self._counts
        weights = weight_entries(trace, of.filters, c, phase, self._sides)
        if not weights:
            return
        channel = of.group * trace.layer.group_channels + c
        word_bytes, stored_bytes = (
            self._chip.scratchpad.word_bytes,
            ceil_div(len(weights) * (array.weight_bits + 4), 8),
        )
        receivers = 0
        for pe, rectangle in zip(self._pes, self._rectangles, strict=True):
            activations = activation_entries(trace, of.n, channel, phase, rectangle, self._sides)
            if not activations:
                continue
            receivers += 1
            counts["activation_operand_reads"] += len(activations)
            own_bytes = ceil_div(len(activations) * (array.activation_bits + 4), 8)
            counts["activation_scratchpad_read_bytes"] += own_bytes
            counts["activation_scratchpad_reads"] += ceil_div(own_bytes, word_bytes)
            for held in vectors(activations, array.activations_per_step):
                counts["weight_operand_reads"] += len(weights)
                for passing in vectors(weights, array.weights_per_step):
                    pairs = product(held, passing)
                    pe.steps.append([product_of(a, w, rectangle, self._sides, array.banks) for a, w in pairs])
        if receivers:
            counts["weight_scratchpad_read_bytes"] += stored_bytes
            counts["weight_scratchpad_reads"] += ceil_div(stored_bytes, word_bytes)
            counts["weight_queue_write_bytes"] += stored_bytes * receivers

    def _begin_drain(self) -> None:
        """The sums of the next finished output group go to neighbours, then leave."""
        if self._drain_left or self._drained == self._finished:
            return
        filters = len(self._groups[self._drained].filters)
        given = [filters * self._given(rectangle) for rectangle in self._rectangles]
        self._counts["accumulator_updates"] += sum(given)
        positions = (self._tile.p1 - self._tile.p0) * (self._tile.q1 - self._tile.q0)
        self._drain_left = ceil_div(max(given), self._array.halo_elements_per_cycle)
        self._drain_left += ceil_div(filters * positions, self._chip.postprocessor.drain_elements_per_cycle)

    def _given(self, rectangle: Rectangle) -> int:
        """Outputs of a PE that others own."""
        owned = owned_outputs(rectangle, self._rectangles, self._sides)
        return len(set(made_outputs(rectangle, self._sides)) - set(owned))
