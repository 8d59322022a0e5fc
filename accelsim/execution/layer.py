"""A layer that runs alone; and the result of any layer that has been timed, priced and audited."""

import zlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.audit.books import check_layer
from accelsim.audit.outputs import OutputCheck, check_outputs
from accelsim.energy import action_counts, price
from accelsim.energy.actions import BANKED as PRICED
from accelsim.energy.table import EnergyTable
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import ZeroPolicy
from accelsim.machine import replay_layer, run_layer
from accelsim.machine.dram import BandwidthChannel, BankedChannel, channel_of
from accelsim.machine.idle import idle_cycles, layer_cycles
from accelsim.machine.inputs import needs_runs
from accelsim.machine.requests import Requests
from accelsim.mapper.addresses import plan_requests
from accelsim.mapper.encoded import EncodedSizes
from accelsim.mapper.search import checked
from accelsim.network import LayerNode
from accelsim.plan import Plan
from accelsim.results import LayerResult
from accelsim.reuse import Kind, Off
from accelsim.schedule.held import Held
from accelsim.schedule.planning import IN_DRAM, LayerInput
from accelsim.schedule.reused import NONZEROS, TILE_COUNTS, TOGGLES, with_kept
from accelsim.tables import BOX, CAUSES, COUNTERS, TRAFFIC, WORK, Table, column_sums
from accelsim.toggles import ToggleCounts
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]


def _outputs(
    trace: LayerTrace, weights: ZeroPolicy, activations: ZeroPolicy, bits: int, seed: int, chip: Accelerator
) -> OutputCheck:
    return check_outputs(trace, weights, activations, seed=seed, accumulator_bits=bits)


def _timeline(work: Table, requests: Requests | None, chip: Accelerator) -> tuple[Table, dict[str, int]]:
    channel = channel_of(chip)
    timeline = run_layer(work, chip, requests, channel)
    banked = channel.layer_counts(layer_cycles(timeline)) if isinstance(channel, BankedChannel) else {}
    return timeline, banked


OUTPUTS = Kind("checked outputs", _outputs, (), types=(OutputCheck,))
TIMELINE = Kind("banked DRAM's times", _timeline, ("dram", "clock_mhz", "dma", "scratchpad"))


def run_alone(
    given: LayerInput,
    node: LayerNode,
    index: int,
    chip: Accelerator,
    table: EnergyTable,
    held: Held,
    seed: int,
) -> LayerResult:
    """One layer of input `index`: plan (unless one is given), count, time, price, audit."""
    free = chip.with_capacity(chip.scratchpad.capacity_bytes - held.held_bytes)
    sizes = with_kept(given.sizes, node.input in held.kept, node.output in held.kept)
    chosen = held.plan or given.best(sizes, free)
    boxes, traffic = checked(chosen, node.layer, free, sizes)
    counters = given.reuse.value(TILE_COUNTS, chip, given.prepared_later, boxes, chosen.spatial)
    work = work_table(boxes, counters, traffic)
    timeline, banked = timed(given.reuse, work, free, requests_of(given, chosen, boxes, chip, sizes))
    waits, cycles = idle_cycles(timeline), layer_cycles(timeline)
    return layer_result(
        given,
        index,
        chip,
        table,
        held,
        chosen,
        (work, timeline),
        cycles,
        waits,
        seed,
        banked=banked,
    )


def timed(
    reuse: Off, work: Table, chip: Accelerator, requests: Requests | None
) -> tuple[Table, dict[str, int]]:
    """TIMELINE, and `tables.BANKED` of a DRAM that counts them.

    Where work is reused TIMELINE is of the recurrence, which is the machine's on every row (tests/machine); a
    DRAM with banks has none.
    """
    if reuse.on and chip.dram.model == "bandwidth":
        return replay_layer(work, chip, requests), {}
    found: tuple[Table, dict[str, int]] = reuse.value(TIMELINE, chip, work, requests)
    return found


def requests_of(
    given: LayerInput, plan: Plan, boxes: Ints, chip: Accelerator, sizes: EncodedSizes
) -> Requests | None:
    """The runs of a layer's tiles, where times depend on them."""
    if needs_runs(chip) is None:
        return None
    return plan_requests(plan, boxes, given.trace.layer, chip, sizes)


def work_table(boxes: Any, counters: Any, traffic: Any) -> Table:
    """The WORK table of tiles from their boxes, counters and traffic: int64 [tiles, columns] each."""
    work = np.zeros(len(boxes), WORK)
    for names, values in ((BOX, boxes), (COUNTERS, counters), (TRAFFIC, traffic)):
        for i, name in enumerate(names):
            work[name] = values[:, i]
    return work


def layer_result(
    given: LayerInput,
    index: int,
    chip: Accelerator,
    table: EnergyTable,
    held: Held,
    plan: Plan,
    tiles: tuple[Table, Table],
    cycles: int,
    waits: Mapping[str, int],
    seed: int,
    fused: tuple[str, ...] = (),
    banked: Mapping[str, int] = MappingProxyType({}),
) -> LayerResult:
    """Price and audit a layer that has been timed.

    Parameters
    ----------
    tiles : WORK and TIMELINE of the layer's tiles
    cycles : of the layer, and of these `waits`, in which none of its tiles computes, by cause
    fused : names of the chain that it is part of
    banked : `tables.BANKED`, where the DRAM counts them
    """
    trace, (work, timeline), array = given.trace, tiles, chip.pe_array
    checked_as = array.weight_policy, array.activation_policy, array.accumulator_bits, seed
    outputs = given.reuse.value(OUTPUTS, chip, trace, *checked_as)
    nonzero_weights, nonzero_activations = given.reuse.value(NONZEROS, chip, given.prepared_later)
    totals = {name: total for name, total in column_sums(work).items() if name not in BOX}
    toggles = _toggles(given, work, chip, plan, (seed, index))
    counted = (toggles.counts if toggles else {}) | {name: banked[name] for name in PRICED if banked}
    actions = action_counts(totals | counted | {"cycles": cycles}, chip)
    moved = sum(totals[name] for name in IN_DRAM)
    result = LayerResult(
        name=trace.layer.name,
        kind=trace.layer.kind,
        input=index,
        cycles=cycles,
        dram_cycles=BandwidthChannel(chip).occupancy_cycles(moved),
        lane_cycles=_lane_cycles(totals, waits, array.multipliers),
        totals=totals,
        energy=tuple(price(actions, chip, table)),
        layer=trace.layer,
        plan=plan,
        work=work,
        timeline=timeline,
        weight_density_fraction=nonzero_weights / trace.weights.size,
        activation_density_fraction=nonzero_activations / trace.activations.size,
        outputs_drawn=given.drawn,
        outputs_checked=outputs.checked,
        outputs_checked_whole=outputs.whole,
        held_bytes=held.held_bytes,
        kept_in_bytes=held.kept_in_bytes,
        kept_out_bytes=held.kept_out_bytes,
        saved_dram_bytes=held.saved(trace.layer.name, moved),
        fused=fused,
        toggles=toggles,
        banked=dict(banked),
    )
    check_layer(result, chip)
    return result


def _toggles(
    given: LayerInput, work: Table, chip: Accelerator, plan: Plan, seed: tuple[int, int]
) -> ToggleCounts | None:
    """Toggles of the layer's tiles, if they are wanted; `seed`: the run's, and the number of the input.

    The order of tiles changes no count: sorted, they share a sample.
    """
    if given.toggles == "off":
        return None
    boxes, exact = np.stack([work[name] for name in BOX], axis=1), given.toggles == "exact"
    drawn = () if exact else (*seed, zlib.crc32(given.trace.layer.name.encode()))
    in_order = boxes[np.lexsort(boxes.T[::-1])]
    found: ToggleCounts = given.reuse.value(TOGGLES, chip, given.trace, in_order, plan.spatial, exact, drawn)
    return found


def _lane_cycles(totals: Mapping[str, int], waits: Mapping[str, int], multipliers: int) -> dict[str, int]:
    """Lane-cycles by cause, inside the tiles and between them."""
    found = {cause: totals.get(f"{cause}_lane_cycles", 0) for cause in CAUSES}
    for cause, waited in waits.items():
        found[cause] += waited * multipliers
    return found
