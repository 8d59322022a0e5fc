"""simulate(traces, hardware): plan, count, time, price and audit every layer; nothing else.

::

    LayerTrace -> encoded sizes -> Plan -> WORK (dataflow + traffic) -> TIMELINE (SimPy) -> LayerResult
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

from accelsim.audit.between import check_kept
from accelsim.dataflows import unsupported_layers
from accelsim.energy import area_mm2, table_of
from accelsim.energy.table import EnergyTable
from accelsim.errors import InputError, UnsupportedLayerError, listed
from accelsim.execution import operation_result, run_alone, run_fused
from accelsim.hardware import Accelerator, hardware_hash, load_hardware
from accelsim.machine.inputs import needs_runs
from accelsim.mapper.costs import OBJECTIVES
from accelsim.network import LayerNode
from accelsim.plan import Fixed, Objective, Plan
from accelsim.plan_file import check_layers, told_where
from accelsim.results import LayerResult, NetworkResult
from accelsim.reuse import OFF, Off
from accelsim.schedule.between import keep_schedule
from accelsim.schedule.held import BetweenLayers, Held, Schedule
from accelsim.schedule.lives import Node
from accelsim.schedule.planning import LayerInput, Wanted, layer_input
from accelsim.toggles import NO_TOGGLES, Toggling
from accelsim.trace import LayerTrace, NetworkTrace, network_of
from accelsim.version import versions

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all layers of a run share."""

    chip: Accelerator
    table: EnergyTable
    plans: Mapping[str, Plan | Fixed]
    objective: Objective
    left_out: Mapping[str, str]
    together: bool
    balance_filters: bool
    order_channels: bool
    toggles: Toggling
    between: BetweenLayers
    seed: int
    reuse: Off


_Run = tuple[int, NetworkTrace, Schedule]
_Job = Callable[[], list[LayerResult]]


def simulate(
    traces: LayerTrace | Sequence[LayerTrace] | NetworkTrace,
    hardware: Accelerator | str | Path,
    *,
    plans: Mapping[str, Plan | Fixed] | None = None,
    objective: Objective = "cycles",
    left_out: Mapping[str, str] | None = None,
    together: bool = False,
    balance_filters: bool = False,
    order_channels: bool = False,
    toggles: Toggling = "sampled",
    between_layers: str | BetweenLayers = "dram",
    threads: int | None = None,
    seed: int = 0,
    reuse: Off = OFF,
    progress: Progress | None = None,
) -> NetworkResult:
    """Run layers on a chip.

    Parameters
    ----------
    traces : one layer, several, or a network
    hardware : a chip, the name of a shipped one, or the path of its file
    plans : by layer name, a plan or what is fixed of it; the mapper chooses the rest
    objective : what the mapper minimises: cycles, dram (bytes), energy, or edp (energy x cycles)
    left_out : layers that are not run, each with the reason, as of `unsupported_layers`
    together : the trace's N inputs run as one batch, whose tiles may hold several; else each on its own
    balance_filters : filters run in the order of their non-zero weights (`mapper.balance`)
    order_channels : channels run in an order of little Hamming distance (`mapper.hamming`)
    toggles : of bits that change, which are priced (docs/energy.md): `sampled`, `exact` (all are counted),
        or `off` (bits that are loaded and sent are priced in their place)
    between_layers : `dram`, every tensor goes to DRAM and back; `keep`, some stay in the scratchpad, as the
        objective has it; `fuse`, and chains run band by band (docs/between_layers.md); or BetweenLayers
    threads : layers counted at once (default: the machine's cores); the result does not depend on it
    seed : of sampled output checks, drawn outputs and sampled toggles
    reuse : of what other runs have made (docs/studies.md); the result does not depend on it
    progress : called with a layer's name when it is done

    Raises
    ------
    UnsupportedLayerError
        If the machine cannot run a layer that is not left out; nothing has been simulated then.
    InputError
        If the chip, a trace, a plan or the number of threads is wrong.
    AuditError
        If a run's books do not close.
    """
    _check_words(threads, objective, toggles)
    chip = hardware if isinstance(hardware, Accelerator) else load_hardware(hardware)
    table, trace = table_of(chip), network_of(traces)
    names = {node.layer.name for node in trace.network.nodes if isinstance(node, LayerNode)}
    check_layers(plans or {}, names)
    left_out = dict(left_out or {})
    _check_supported(trace, chip, names, left_out, reuse)
    between = _checked_between(between_layers, chip)
    orders = balance_filters, order_channels
    setting = _Setting(
        chip, table, plans or {}, objective, left_out, together, *orders, toggles, between, seed, reuse
    )
    return _simulated(trace, setting, threads or os.cpu_count() or 1, progress)


def _check_words(threads: int | None, objective: str, toggles: str) -> None:
    if threads is not None and threads < 1:
        raise InputError(f"simulate: threads must be at least 1, not {threads}")
    if objective not in OBJECTIVES:
        raise InputError(f"simulate: objective must be one of {', '.join(OBJECTIVES)}, not {objective!r}")
    if toggles not in get_args(Toggling):
        raise InputError(f"simulate: toggles must be one of {', '.join(get_args(Toggling))}, not {toggles!r}")


def _simulated(trace: NetworkTrace, of: _Setting, threads: int, progress: Progress | None) -> NetworkResult:
    runs = _scheduled(trace, of)
    results = _run(_jobs(runs, of), threads, progress)
    kept = [tensor for i, one, schedule in runs for tensor in schedule.kept(i, _running(one, of))]
    check_kept(results, kept, of.chip)
    return NetworkResult(
        chip=of.chip,
        network=trace.network.name,
        inputs=trace.inputs_count,
        together=of.together,
        layer_results=tuple(results),
        not_modelled=trace.network.not_modelled,
        left_out=dict(of.left_out),
        kept=tuple(kept),
        area_mm2=area_mm2(of.chip, of.table),
        provenance=_provenance(trace, of),
    )


def _provenance(trace: NetworkTrace, of: _Setting) -> dict[str, Any]:
    return {
        **versions(),
        "hardware_hash": hardware_hash(of.chip),
        "energy_table_sha256": of.table.sha256,
        "trace_hash": trace.content_hash,
        "seed": of.seed,
        "between_layers": of.between.mode,
        **({"keep": ", ".join(of.between.keep)} if of.between.keep else {}),
        **({"fuse": ", ".join("+".join(chain) for chain in of.between.fuse)} if of.between.fuse else {}),
        "objective": of.objective,
        **({"filters": "in the order of their non-zero weights"} if of.balance_filters else {}),
        **({"channels": "in an order of little Hamming distance"} if of.order_channels else {}),
        "toggles": of.toggles,
        **trace.network.provenance,
    }


def _jobs(runs: list[_Run], of: _Setting) -> list[_Job]:
    """What is to be done: input by input (or all together), in execution order."""
    return [
        partial(_step, one, nodes, index, of, [schedule.at(node) for node in nodes])
        for index, one, schedule in runs
        for nodes in schedule.steps(_running(one, of))
    ]


def _step(
    one: NetworkTrace, nodes: Sequence[Node], index: int, of: _Setting, held: list[Held]
) -> list[LayerResult]:
    """One node, or a chain of fused layers."""
    node, shared = nodes[0], (index, of.chip, of.table)
    if len(nodes) > 1:
        inputs = [_input(one, node, of) for node in nodes if isinstance(node, LayerNode)]
        return run_fused(inputs, *shared, held, of.seed)
    if not isinstance(node, LayerNode):
        result = operation_result(one, node, *shared, held[0], of.reuse)
        # An operation leaves the array's registers and buses as they are.
        return [replace(result, toggles=NO_TOGGLES) if of.toggles != "off" else result]
    with told_where(of.plans, node.layer.name):
        return [run_alone(_input(one, node, of), node, *shared, held[0], of.seed)]


def _running(trace: NetworkTrace, of: _Setting) -> list[Node]:
    """The nodes that are not left out, in execution order."""
    return [
        node
        for node in trace.network.nodes
        if not (isinstance(node, LayerNode) and node.layer.name in of.left_out)
    ]


def _scheduled(trace: NetworkTrace, of: _Setting) -> list[_Run]:
    """What each run (of an input, or of all together) keeps in the scratchpad, decided before any runs."""
    runs = 1 if of.together else trace.inputs_count
    found = []
    for index in range(runs):
        one = of.reuse.same(trace, index, partial(trace.select_input, index)) if runs > 1 else trace
        schedule = Schedule()
        if of.between.mode != "dram":
            schedule = keep_schedule(
                one,
                _running(one, of),
                of.chip,
                partial(_input, one, of=of),
                of.between,
                plans=of.plans,
                left_out=of.left_out,
                objective=of.objective,
                table=of.table,
            )
        found.append((index, one, schedule))
    return found


def _checked_between(given: str | BetweenLayers, chip: Accelerator) -> BetweenLayers:
    """What stays; raises InputError where tensors cannot stay in this chip's scratchpad."""
    between = BetweenLayers(given) if isinstance(given, str) else given
    if between.mode != "dram" and chip.scratchpad.is_split:
        raise InputError(
            f"between_layers: must be dram, not {between.mode}: the scratchpad of {chip.name} has regions, "
            "and none for tensors that stay (scratchpad.weight_bytes)"
        )
    if between.mode == "fuse" and (key := needs_runs(chip)):
        raise InputError(
            f"between_layers: must be dram or keep, not fuse, on {chip.name}: the tiles of fused layers have "
            f"no addresses, which its {key} needs"
        )
    return between


def _check_supported(
    trace: NetworkTrace, chip: Accelerator, names: set[str], left_out: Mapping[str, str], reuse: Off
) -> None:
    """Raise unless every layer that is not left out can run, and at least one does."""
    if unknown := sorted(set(left_out) - names):
        raise InputError(f"left_out: no layer {', '.join(unknown)}; layers: {listed(sorted(names))}")
    refused = unsupported_layers(trace, chip, reuse)
    by_reason: dict[str, list[str]] = {}
    for name, reason in refused.items():
        if name not in left_out:
            by_reason.setdefault(reason, []).append(name)
    if by_reason:
        told = [f"{listed(of)}: {reason}" for reason, of in by_reason.items()]
        raise UnsupportedLayerError("\n".join([*told, "--skip-unsupported (left_out) runs the others"]))
    if left_out and names == set(left_out):
        raise UnsupportedLayerError(f"{trace.network.name}: every layer is left out on {chip.name}")


def _run(jobs: list[_Job], threads: int, progress: Progress | None) -> list[LayerResult]:
    def one(job: _Job) -> list[LayerResult]:
        results = job()
        if progress is not None:
            for result in results:
                progress(result.name)
        return results

    if threads == 1:
        return [result for job in jobs for result in one(job)]
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(one, job) for job in jobs]
        try:
            return [result for future in futures for result in future.result()]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _input(network: NetworkTrace, node: LayerNode, of: _Setting) -> LayerInput:
    name = node.layer.name
    return layer_input(
        of.reuse.same(network, name, partial(network.layer, name)),
        of.chip,
        Wanted(of.plans.get(name), of.objective, of.table),
        balance_filters=of.balance_filters,
        order_channels=of.order_channels,
        toggles=of.toggles,
        seed=of.seed,
        reuse=of.reuse,
    )
