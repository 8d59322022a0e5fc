"""Operations whose tensors lie in the scratchpad: what they read, write and wait for."""

import numpy as np
import pytest

from accelsim.energy import load_table
from accelsim.errors import AuditError
from accelsim.execution import operation_result
from accelsim.hardware import load_hardware
from accelsim.network import Network, Operation, TensorInfo
from accelsim.results import LayerResult
from accelsim.schedule.held import Held
from accelsim.schedule.lives import held_bytes
from accelsim.trace import NetworkTrace

SHAPE = (1, 16, 16, 32)
CHIP = load_hardware("both-skip-16x16")


def addition() -> NetworkTrace:
    infos = {n: TensorInfo(name=n, shape=SHAPE, dtype="uint8", scale=1.0, zero_point=0) for n in "abc"}
    add = Operation(name="add", kind="add", inputs=("a", "b"), output="c")
    network = Network(name="n", tensors=infos, nodes=(add,), inputs=("a", "b"), outputs=("c",))
    generator = np.random.default_rng(0)
    return NetworkTrace(network, {}, {n: generator.integers(0, 2, SHAPE).astype(np.uint8) for n in "abc"})


def ran(kept: str, predicted: int | None = None) -> LayerResult:
    trace = addition()
    size = {n: held_bytes(trace.tensors[n], 0, CHIP) for n in kept}
    held = Held(
        kept=frozenset(kept),
        held_bytes=sum(size.values()),
        kept_in_bytes=sum(size.get(n, 0) for n in "ab"),
        kept_out_bytes=size.get("c", 0),
        unkept_dram_bytes=None if predicted is None else 10**6,
        dram_bytes=predicted,
    )
    (add,) = trace.network.nodes
    assert isinstance(add, Operation)
    return operation_result(trace, add, 0, CHIP, load_table(CHIP.energy.table), held)


def accesses(result: LayerResult) -> tuple[int, int]:
    counts = {(row.component, row.action): row.count for row in result.energy}
    return counts.get(("scratchpad", "read"), 0), counts.get(("scratchpad", "write"), 0)


def test_what_lies_in_the_scratchpad_is_read_there_and_written_there_once() -> None:
    trace, word = addition(), CHIP.scratchpad.word_bytes
    size = {n: held_bytes(trace.tensors[n], 0, CHIP) for n in "abc"}
    result = ran("abc")
    assert accesses(result) == (-(-(size["a"] + size["b"]) // word), -(-size["c"] // word))
    assert result.dram_read_bytes == result.dram_write_bytes == 0
    assert ("dram", "read") not in {(row.component, row.action) for row in result.energy}


def test_without_dram_there_is_no_latency_and_only_elements_take_time() -> None:
    elements = 2 * 16 * 16 * 32
    assert ran("abc").cycles == elements // CHIP.postprocessor.elements_per_cycle


@pytest.mark.parametrize("kept", ["a", "b", "c", "ab", "ac"])
def test_each_tensor_moves_where_it_is(kept: str) -> None:
    apart, found = ran(""), ran(kept)
    assert (found.dram_write_bytes == 0) == ("c" in kept)
    assert (found.dram_read_bytes < apart.dram_read_bytes) == bool({"a", "b"} & set(kept))
    assert (found.dram_read_bytes == 0) == ({"a", "b"} <= set(kept))
    assert found.cycles <= apart.cycles
    assert sum(accesses(found)) < sum(accesses(apart))


def test_a_prediction_that_does_not_come_true_stops_the_run() -> None:
    moved = ran("a").dram_read_bytes + ran("a").dram_write_bytes
    assert ran("a", moved).saved_dram_bytes == 10**6 - moved
    with pytest.raises(AuditError, match=f"add: {moved} bytes moved in DRAM, {moved + 1} were predicted"):
        ran("a", moved + 1)
