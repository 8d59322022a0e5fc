"""The scratchpad's books over a whole network: kept tensors are made once, freed once, and always fit."""

from collections.abc import Sequence

from accelsim.errors import AuditError
from accelsim.hardware import Accelerator
from accelsim.results import KeptTensor, LayerResult


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
    for result in results:
        written = [tensor for tensor in kept if tensor.written_by == result.name]
        for tensor in written:
            if tensor.tensor in alive or tensor.tensor in done:
                raise AuditError(f"{result.name}: kept tensor {tensor.tensor!r} is written a second time")
            alive[tensor.tensor] = tensor
        held = sum(tensor.bytes for tensor in alive.values())
        if held > chip.scratchpad.capacity_bytes:
            raise AuditError(
                f"{result.name}: kept tensors take {held} bytes, capacity {chip.scratchpad.capacity_bytes}"
            )
        if held != result.held_bytes:
            raise AuditError(f"{result.name}: held_bytes = {result.held_bytes}, but kept tensors take {held}")
        out = sum(tensor.bytes for tensor in written)
        if out != result.kept_out_bytes:
            raise AuditError(f"{result.name}: kept_out_bytes = {result.kept_out_bytes}, but it keeps {out}")
        for tensor in [tensor for tensor in alive.values() if tensor.read_last_by == result.name]:
            done.add(alive.pop(tensor.tensor).tensor)
    if alive or len(done) != len(kept):
        lost = sorted({tensor.tensor for tensor in kept} - done)
        raise AuditError(f"kept tensors {', '.join(lost)} are never freed")
