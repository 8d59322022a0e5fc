"""A layer that runs alone; and the result of any layer that has been timed, priced and audited."""

from collections.abc import Mapping
from types import MappingProxyType

from accelsim.audit.books import check_result, check_times
from accelsim.energy import action_counts, price
from accelsim.energy.actions import BANKED as PRICED
from accelsim.energy.table import EnergyTable
from accelsim.execution.counted import Sums, counted_alone
from accelsim.hardware import Accelerator
from accelsim.machine import replay_layer, run_layer
from accelsim.machine.dram import BandwidthChannel, BankedChannel, channel_of
from accelsim.machine.idle import idle_cycles, layer_cycles
from accelsim.machine.inputs import Inputs
from accelsim.machine.requests import Requests
from accelsim.network import LayerNode
from accelsim.plan import Plan
from accelsim.results import LayerResult
from accelsim.reuse import Kind, Off
from accelsim.schedule.held import Held
from accelsim.schedule.planning import IN_DRAM, LayerInput
from accelsim.tables import CAUSES, Table


def _timeline(work: Table, requests: Requests | None, chip: Accelerator) -> tuple[Table, dict[str, int]]:
    channel = channel_of(chip)
    timeline = run_layer(work, chip, requests, channel)
    banked = channel.layer_counts(layer_cycles(timeline)) if isinstance(channel, BankedChannel) else {}
    return timeline, banked


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
    chosen = held.plan or given.best((node.input in held.kept, node.output in held.kept), free)
    counted = counted_alone(given, node, index, chosen, free, held, seed)
    timeline, banked = timed(given.reuse, counted.work, free, counted.requests, counted.tiles)
    waits, cycles = idle_cycles(timeline), layer_cycles(timeline)
    tiles = counted.work, timeline
    result = layer_result(
        given, index, chip, table, held, chosen, tiles, counted.sums, cycles, waits, banked=banked
    )
    check_times(result, free, counted.tiles)
    return result


def timed(
    reuse: Off,
    work: Table,
    chip: Accelerator,
    requests: Requests | None = None,
    tiles: Inputs | None = None,
) -> tuple[Table, dict[str, int]]:
    """TIMELINE, and `tables.BANKED` of a DRAM that counts them.

    Where work is reused TIMELINE is of the recurrence, which is the machine's on every row (tests/machine); a
    DRAM with banks has none.

    Parameters
    ----------
    tiles : `machine.inputs` of these, where they are known
    """
    if reuse.on and chip.dram.model == "bandwidth":
        return replay_layer(work, chip, requests, tiles), {}
    found: tuple[Table, dict[str, int]] = reuse.value(TIMELINE, chip, work, requests)
    return found


def layer_result(
    given: LayerInput,
    index: int,
    chip: Accelerator,
    table: EnergyTable,
    held: Held,
    plan: Plan,
    tiles: tuple[Table, Table],
    sums: Sums,
    cycles: int,
    waits: Mapping[str, int],
    fused: tuple[str, ...] = (),
    banked: Mapping[str, int] = MappingProxyType({}),
) -> LayerResult:
    """Price and audit a layer that has been timed; its tiles' times are audited elsewhere.

    Parameters
    ----------
    tiles : WORK and TIMELINE of the layer's tiles
    sums : of them
    cycles : of the layer, and of these `waits`, in which none of its tiles computes, by cause
    fused : names of the chain that it is part of
    banked : `tables.BANKED`, where the DRAM counts them
    """
    trace, (work, timeline), totals, toggles = given.trace, tiles, sums.totals, sums.toggles
    nonzero_weights, nonzero_activations = sums.nonzeros
    counted = (toggles.counts if toggles else {}) | {name: banked[name] for name in PRICED if banked}
    actions = action_counts(totals | counted | {"cycles": cycles}, chip)
    moved = sum(totals[name] for name in IN_DRAM)
    result = LayerResult(
        name=trace.layer.name,
        kind=trace.layer.kind,
        input=index,
        cycles=cycles,
        dram_cycles=BandwidthChannel(chip).occupancy_cycles(moved),
        lane_cycles=_lane_cycles(totals, waits, chip.pe_array.multipliers),
        totals=totals,
        energy=tuple(price(actions, chip, table)),
        layer=trace.layer,
        plan=plan,
        work=work,
        timeline=timeline,
        weight_density_fraction=nonzero_weights / trace.weights.size,
        activation_density_fraction=nonzero_activations / trace.activations.size,
        outputs_drawn=given.drawn,
        outputs_checked=sums.outputs.checked,
        outputs_checked_whole=sums.outputs.whole,
        held_bytes=held.held_bytes,
        kept_in_bytes=held.kept_in_bytes,
        kept_out_bytes=held.kept_out_bytes,
        saved_dram_bytes=held.saved(trace.layer.name, moved),
        fused=fused,
        toggles=toggles,
        banked=dict(banked),
    )
    check_result(result, chip)
    return result


def _lane_cycles(totals: Mapping[str, int], waits: Mapping[str, int], multipliers: int) -> dict[str, int]:
    """Lane-cycles by cause, inside the tiles and between them."""
    found = {cause: totals.get(f"{cause}_lane_cycles", 0) for cause in CAUSES}
    for cause, waited in waits.items():
        found[cause] += waited * multipliers
    return found
