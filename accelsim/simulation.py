"""simulate(traces, hardware): plan, count, time, price and audit every layer; nothing else.

::

    LayerTrace -> encoded sizes -> Plan -> WORK (dataflow + traffic) -> TIMELINE (SimPy) -> LayerResult
"""

import os
import zlib
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.audit.books import check_layer
from accelsim.audit.outputs import check_outputs
from accelsim.dataflows import DATAFLOWS, unsupported_layers
from accelsim.energy import action_counts, load_table, price
from accelsim.energy.table import EnergyTable
from accelsim.errors import InputError, UnsupportedLayerError, listed
from accelsim.hardware import Accelerator, hardware_hash, load_hardware
from accelsim.machine import run_layer
from accelsim.machine.dram import BandwidthChannel
from accelsim.machine.idle import idle_cycles, layer_cycles
from accelsim.mapper.addresses import plan_requests
from accelsim.mapper.balance import balanced
from accelsim.mapper.encoded import encoded_sizes
from accelsim.mapper.search import best_plan, checked
from accelsim.mapper.traffic import burst_rounded, elements_and_bytes
from accelsim.network import LayerNode, Operation
from accelsim.plan import Plan
from accelsim.results import LayerResult, NetworkResult
from accelsim.tables import BOX, CAUSES, COUNTERS, TILE_CAUSES, TRAFFIC, WORK, Table
from accelsim.trace import LayerTrace, NetworkTrace, network_of
from accelsim.units import ceil_div
from accelsim.version import versions

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class _Setting:
    """What all layers of a run share."""

    chip: Accelerator
    table: EnergyTable
    plans: Mapping[str, Plan]
    left_out: Mapping[str, str]
    together: bool
    balance_filters: bool
    seed: int


def simulate(
    traces: LayerTrace | Sequence[LayerTrace] | NetworkTrace,
    hardware: Accelerator | str | Path,
    *,
    plans: Mapping[str, Plan] | None = None,
    left_out: Mapping[str, str] | None = None,
    together: bool = False,
    balance_filters: bool = False,
    threads: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> NetworkResult:
    """Run layers on a chip.

    Parameters
    ----------
    traces : one layer, several, or a network
    hardware : a chip, the name of a shipped one, or the path of its file
    plans : plan by layer name; the mapper chooses the others
    left_out : layers that are not run, each with the reason, as of `unsupported_layers`
    together : the trace's N inputs run as one batch, whose tiles may hold several; else each on its own
    balance_filters : filters run in the order of their non-zero weights (`mapper.balance`)
    threads : layers counted at once (default: the machine's cores); the result does not depend on it
    seed : of sampled output checks and drawn outputs
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
    if threads is not None and threads < 1:
        raise InputError(f"simulate: threads must be at least 1, not {threads}")
    chip = hardware if isinstance(hardware, Accelerator) else load_hardware(hardware)
    table = load_table(chip.energy.table)
    trace = network_of(traces)
    names = {node.layer.name for node in trace.network.nodes if isinstance(node, LayerNode)}
    if unknown := sorted(set(plans or {}) - names):
        raise InputError(f"plans: no layer {', '.join(unknown)}; layers: {listed(sorted(names))}")
    left_out = dict(left_out or {})
    _check_supported(trace, chip, names, left_out)
    setting = _Setting(chip, table, plans or {}, left_out, together, balance_filters, seed)
    results = _run(_jobs(trace, setting), threads or os.cpu_count() or 1, progress)
    return NetworkResult(
        chip=chip,
        network=trace.network.name,
        inputs=trace.inputs_count,
        together=together,
        layer_results=tuple(results),
        not_modelled=trace.network.not_modelled,
        left_out=left_out,
        provenance=_provenance(trace, setting),
    )


def _provenance(trace: NetworkTrace, of: _Setting) -> dict[str, Any]:
    return {
        **versions(),
        "hardware_hash": hardware_hash(of.chip),
        "energy_table_sha256": of.table.sha256,
        "trace_hash": trace.content_hash,
        "seed": of.seed,
        **({"filters": "in the order of their non-zero weights"} if of.balance_filters else {}),
        **trace.network.provenance,
    }


def _jobs(trace: NetworkTrace, of: _Setting) -> list[Callable[[], LayerResult]]:
    """What is to be done: input by input (or all together), in execution order."""
    jobs: list[Callable[[], LayerResult]] = []
    runs = 1 if of.together else trace.inputs_count
    for index in range(runs):
        one = trace.select_input(index) if runs > 1 else trace
        for node in trace.network.nodes:
            if not isinstance(node, LayerNode):
                jobs.append(partial(_operation, one, node, index, of.chip, of.table))
            elif node.layer.name not in of.left_out:
                jobs.append(partial(_layer, one, node, index, of))
    return jobs


def _check_supported(
    trace: NetworkTrace, chip: Accelerator, names: set[str], left_out: Mapping[str, str]
) -> None:
    """Raise unless every layer that is not left out can run, and at least one does."""
    if unknown := sorted(set(left_out) - names):
        raise InputError(f"left_out: no layer {', '.join(unknown)}; layers: {listed(sorted(names))}")
    refused = unsupported_layers(trace, chip)
    by_reason: dict[str, list[str]] = {}
    for name, reason in refused.items():
        if name not in left_out:
            by_reason.setdefault(reason, []).append(name)
    if by_reason:
        told = [f"{listed(of)}: {reason}" for reason, of in by_reason.items()]
        raise UnsupportedLayerError("\n".join([*told, "--skip-unsupported (left_out) runs the others"]))
    if left_out and names == set(left_out):
        raise UnsupportedLayerError(f"{trace.network.name}: every layer is left out on {chip.name}")


def _run(jobs: list[Callable[[], LayerResult]], threads: int, progress: Progress | None) -> list[LayerResult]:
    def one(job: Callable[[], LayerResult]) -> LayerResult:
        result = job()
        if progress is not None:
            progress(result.name)
        return result

    if threads == 1:
        return [one(job) for job in jobs]
    with ThreadPoolExecutor(threads) as pool:
        futures = [pool.submit(one, job) for job in jobs]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _layer(network: NetworkTrace, node: LayerNode, index: int, of: _Setting) -> LayerResult:
    """One layer of one input: the arrows of the module's docstring, in order."""
    chip, plan = of.chip, of.plans.get(node.layer.name)
    trace = network.layer(node.layer.name)
    if of.balance_filters:
        trace = balanced(trace)
    layer, array = trace.layer, chip.pe_array
    dataflow = DATAFLOWS[chip.dataflow]
    prepared = dataflow.prepare(trace, chip)
    nonzero, drawn = _nonzero_outputs(trace, of.seed)
    sizes = encoded_sizes(trace, chip, nonzero, None if plan is None else plan.tile_k)
    chosen = best_plan(prepared, sizes, chip).plan if plan is None else plan
    boxes, traffic = checked(chosen, layer, chip, sizes)
    counters = dataflow.tile_counters(prepared, boxes, chip)
    work = _work_table(boxes, counters, traffic)
    requests = plan_requests(chosen, boxes, layer, chip, sizes) if chip.dma.descriptor_cycles else None
    timeline = run_layer(work, chip, requests)
    checked_outputs = check_outputs(
        trace,
        array.weight_policy,
        array.activation_policy,
        seed=of.seed,
        accumulator_bits=array.accumulator_bits,
    )
    cycles = layer_cycles(timeline)
    totals = {name: int(work[name].sum()) for name in (*COUNTERS, *TRAFFIC)}
    idle = idle_cycles(timeline)
    lane_cycles = dict.fromkeys(CAUSES, 0)
    for cause in TILE_CAUSES:
        lane_cycles[cause] = totals[f"{cause}_lane_cycles"]
    for cause, waited in idle.items():
        lane_cycles[cause] += waited * array.multipliers
    result = LayerResult(
        name=layer.name,
        kind=layer.kind,
        input=index,
        cycles=cycles,
        dram_cycles=0,
        lane_cycles=lane_cycles,
        totals=totals,
        energy=tuple(price(action_counts(totals | {"cycles": cycles}, chip), chip, of.table)),
        layer=layer,
        plan=chosen,
        work=work,
        timeline=timeline,
        weight_density_fraction=prepared.nonzero_weights / trace.weights.size,
        activation_density_fraction=prepared.nonzero_activations / trace.activations.size,
        outputs_drawn=drawn,
        outputs_checked=checked_outputs.checked,
        outputs_checked_whole=checked_outputs.whole,
    )
    moved = result.dram_read_bytes + result.dram_write_bytes
    result = replace(result, dram_cycles=BandwidthChannel(chip).occupancy_cycles(moved))
    check_layer(result, chip)
    return result


def _nonzero_outputs(trace: LayerTrace, seed: int) -> tuple[npt.NDArray[np.bool_], bool]:
    """Mask of the non-zero outputs, and whether it is drawn at the density of the layer's input."""
    if trace.outputs is not None:
        return trace.outputs != trace.output_zero_point, False
    density = float((trace.activations != trace.activation_zero_point).mean())
    generator = np.random.default_rng([seed, zlib.crc32(trace.layer.name.encode())])
    return generator.random(trace.layer.output_shape) < density, True


def _work_table(boxes: Any, counters: Any, traffic: Any) -> Table:
    work = np.zeros(len(boxes), WORK)
    for names, values in ((BOX, boxes), (COUNTERS, counters), (TRAFFIC, traffic)):
        for i, name in enumerate(names):
            work[name] = values[:, i]
    return work


def _operation(
    trace: NetworkTrace, node: Operation, index: int, chip: Accelerator, table: EnergyTable
) -> LayerResult:
    """An operation of the postprocessor: its tensors stream from DRAM and back, once.

    Its elements are those of its inputs or of its output, whichever are more, once a pass. It lasts as
    long as the slower of the two: elements at the postprocessor's rate, bytes at the DRAM's; and one
    latency for the first bytes.
    """
    sizes = [
        elements_and_bytes(trace, name, rows, chip)
        for name, rows in zip(node.inputs, node.rows or (None,) * len(node.inputs), strict=True)
    ]
    elements_read, read = (sum(part) for part in zip(*sizes, strict=True))
    elements_written, written = elements_and_bytes(trace, node.output, None, chip)
    elements = max(elements_read, elements_written) * (node.passes or 1)
    burst = chip.dram.burst_bytes
    read, waste_read = burst_rounded(read, burst)
    written, waste_written = burst_rounded(written, burst)
    dram_cycles = BandwidthChannel(chip).occupancy_cycles(read + written)
    busy = max(ceil_div(elements, chip.postprocessor.elements_per_cycle), dram_cycles)
    cycles = busy + chip.dram_latency_cycles
    totals = dict.fromkeys((*COUNTERS, *TRAFFIC), 0)
    totals |= {
        "activation_fetch_bytes": read - waste_read,
        "fetch_burst_waste_bytes": waste_read,
        "output_drain_bytes": written - waste_written,
        "drain_burst_waste_bytes": waste_written,
    }
    counts = {
        "cycles": cycles,
        "postprocessor_elements": elements,
        "dram_read_bytes": read,
        "dram_write_bytes": written,
    }
    result = LayerResult(
        name=node.name,
        kind=node.kind,
        input=index,
        cycles=cycles,
        dram_cycles=dram_cycles,
        lane_cycles={c: cycles * chip.pe_array.multipliers if c == "postprocess" else 0 for c in CAUSES},
        totals=totals,
        energy=tuple(price(action_counts(totals | counts, chip), chip, table)),
    )
    check_layer(result, chip)
    return result
