"""The books of kept tensors: each is made once, freed once, and counted in what is held."""

from dataclasses import replace

import pytest

from accelsim.audit.between import check_kept
from accelsim.errors import AuditError
from accelsim.hardware import load_hardware
from accelsim.results import KeptTensor, LayerResult

pytestmark = pytest.mark.small
CHIP = load_hardware("dense-16x16", ["scratchpad.capacity_bytes=100"])


def node(name: str, held: int, out: int = 0) -> LayerResult:
    return LayerResult(
        name=name,
        kind="add",
        input=0,
        cycles=1,
        dram_cycles=0,
        lane_cycles={},
        totals={},
        energy=(),
        held_bytes=held,
        kept_out_bytes=out,
    )


def tensor(name: str, size: int, first: str, last: str) -> KeptTensor:
    return KeptTensor(input=0, tensor=name, bytes=size, written_by=first, read_last_by=last)


NODES = [node("a", 40, 40), node("b", 70, 30), node("c", 70), node("d", 0)]
KEPT = [tensor("ta", 40, "a", "c"), tensor("tb", 30, "b", "c")]


def test_books_that_close_pass() -> None:
    check_kept(NODES, KEPT, CHIP)


@pytest.mark.parametrize(
    ("nodes", "kept", "message"),
    [
        ([*NODES[:2], node("c", 40), NODES[3]], KEPT, "c: held_bytes = 40, but kept tensors take 70"),
        ([node("a", 40, 39), *NODES[1:]], KEPT, "a: kept_out_bytes = 39, but it keeps 40"),
        (NODES, [replace(KEPT[0], read_last_by="z"), KEPT[1]], "d: held_bytes = 0, but kept tensors take 40"),
        ([node("a", 140, 140)], [tensor("ta", 140, "a", "a")], "kept tensors take 140 bytes, capacity 100"),
        (NODES[:2], KEPT, "kept tensors ta, tb are never freed"),
        ([*NODES, node("a", 40, 40)], KEPT, "a: kept tensor 'ta' is written a second time"),
        (NODES, [*KEPT, tensor("tc", 5, "nobody", "c")], "kept tensors tc are never freed"),
    ],
)
def test_books_that_do_not_close_are_refused(nodes, kept, message) -> None:
    with pytest.raises(AuditError, match=message):
        check_kept(nodes, kept, CHIP)
