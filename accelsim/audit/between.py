"""The scratchpad's books over a whole network: kept tensors are made once, freed once, and always fit."""

from collections.abc import Iterator, Sequence

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator
from accelsim.machine.idle import check_timeline, idle_cycles, layer_cycles
from accelsim.results import KeptTensor, LayerResult
from accelsim.tables import Table


def check_kept(results: Sequence[LayerResult], kept: Sequence[KeptTensor], chip: Accelerator) -> None:
    """Raise AuditError unless, node by node, what is held is the sum of the kept tensors alive.

    That a node's own reservations fit beside them is `check_layer`'s.

    Parameters
    ----------
    results : of all runs, input by input, in execution order
    """
    for index in dict.fromkeys(result.input for result in results):
        _check_run(
            [result for result in results if result.input == index],
            [tensor for tensor in kept if tensor.input == index],
            chip,
        )


def _check_run(results: Sequence[LayerResult], kept: Sequence[KeptTensor], chip: Accelerator) -> None:
    alive: dict[str, KeptTensor] = {}
    done: set[str] = set()
    for step in _steps(results):
        names = {result.name for result in step}
        for tensor in (tensor for tensor in kept if tensor.written_by in names):
            if tensor.tensor in alive or tensor.tensor in done:
                raise AuditError(
                    f"{tensor.written_by}: kept tensor {tensor.tensor!r} is written a second time"
                )
            alive[tensor.tensor] = tensor
        held = sum(tensor.bytes for tensor in alive.values())
        for result in step:
            _check_held(result, held, kept, chip)
        for tensor in [tensor for tensor in alive.values() if tensor.read_last_by in names]:
            done.add(alive.pop(tensor.tensor).tensor)
    if alive or len(done) != len(kept):
        lost = sorted({tensor.tensor for tensor in kept} - done)
        raise AuditError(f"kept tensors {', '.join(lost)} are never freed")


def _steps(results: Sequence[LayerResult]) -> Iterator[list[LayerResult]]:
    """Results one by one, those of a chain together."""
    waiting = list(results)
    while waiting:
        count = max(len(waiting[0].fused), 1)
        yield waiting[:count]
        del waiting[:count]


def _check_held(result: LayerResult, held: int, kept: Sequence[KeptTensor], chip: Accelerator) -> None:
    if held > chip.scratchpad.capacity_bytes:
        raise AuditError(
            f"{result.name}: kept tensors take {held} bytes, capacity {chip.scratchpad.capacity_bytes}"
        )
    if held != result.held_bytes:
        raise AuditError(f"{result.name}: held_bytes = {result.held_bytes}, but kept tensors take {held}")
    out = sum(tensor.bytes for tensor in kept if tensor.written_by == result.name)
    if out != result.kept_out_bytes:
        raise AuditError(f"{result.name}: kept_out_bytes = {result.kept_out_bytes}, but it keeps {out}")


def check_chain(results: Sequence[LayerResult], work: Table, timeline: Table, free: Accelerator) -> None:
    """Raise AuditError unless the tiles of fused layers can be true together, and the layers add up to them.

    Parameters
    ----------
    results : of the layers, in order
    work, timeline : of all their tiles, in order of execution
    free : the chip with what kept tensors leave of its scratchpad
    """
    name = "+".join(results[0].fused)
    try:
        check_timeline(work, timeline, free)
    except AuditError as error:
        raise AuditError(f"{name}: {error}") from error
    reserved = int(work["reserve_bytes"].sum())
    freed = int((work["release_after_compute_bytes"] + work["release_after_drain_bytes"]).sum())
    waits = idle_cycles(timeline)
    lanes = free.pe_array.multipliers
    between = {cause: sum(r.lane_cycles[cause] for r in results) for cause in waits}
    inside = {cause: sum(r.totals.get(f"{cause}_lane_cycles", 0) for r in results) for cause in waits}
    checks = [
        ("cycles of its layers", sum(r.cycles for r in results), layer_cycles(timeline)),
        ("scratchpad bytes freed", freed, reserved),
        ("tiles of its layers", sum(len(r.work) for r in results if r.work is not None), len(work)),
        *((f"{c} lane-cycles", between[c], inside[c] + lanes * waits[c]) for c in waits),
        ("bytes that layers within drain", sum(r.totals["output_drain_bytes"] for r in results[:-1]), 0),
        ("bytes that layers within fetch", sum(r.totals["activation_fetch_bytes"] for r in results[1:]), 0),
    ]
    for what, found, expected in checks:
        if found != expected:
            raise AuditError(f"{name}: {what} = {found}, expected {expected}")
