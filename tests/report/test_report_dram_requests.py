"""DRAM requests survive their traces, in the forms that Ramulator 2 and DRAMsim3 read."""

import csv
from pathlib import Path

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from accelsim.hardware import load_device
from accelsim.report.dram_requests import LEVELS, address_vectors, write_requests

REQUEST = st.tuples(
    st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 2**32 // 64 - 1), st.booleans()
)


@given(requests=st.lists(REQUEST, max_size=30))
def test_requests_survive_every_trace(
    requests: list[tuple[int, int, int, bool]], tmp_path_factory: object
) -> None:
    folder = Path(tmp_path_factory.getbasetemp()) / "requests"  # type: ignore[attr-defined]
    asked, told, block = (np.array([r[i] for r in requests], np.int64) for i in range(3))
    write = np.array([r[3] for r in requests], bool)
    device, mapping = load_device("ddr4-2400"), "row rank bank column:2 bank_group channel column"
    vectors = address_vectors(block * 64, device, 2, 2, mapping)
    load, dramsim, table, vector = write_requests(folder, "run", asked, told, block * 64, write, vectors)
    lines = [line.split(" ") for line in load.read_text().splitlines()]
    assert [(kind == "ST", int(address, 16)) for kind, address in lines] == [
        (r[3], r[2] * 64) for r in requests
    ]
    lines = [line.split(" ") for line in dramsim.read_text().splitlines()]
    assert [(int(a, 16), kind == "WRITE", int(t)) for a, kind, t in lines] == [
        (r[2] * 64, r[3], r[0]) for r in requests
    ]
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(int(r["request_cycle"]), int(r["response_cycle"]), int(r["address"])) for r in rows] == [
        (r[0], r[1], r[2] * 64) for r in requests
    ]
    lines = [line.split(" ") for line in vector.read_text().splitlines()]
    assert [kind == "W" for kind, _ in lines] == [r[3] for r in requests]
    assert [[int(x) for x in place.split(",")] for _, place in lines] == vectors.tolist()


def test_places_are_those_of_the_mapping() -> None:
    device = load_device("ddr4-2400")
    step = np.array([0, 64, 128, 512, 64 * 4 * 128, 64 * 4 * 128 * 4 * 2])
    places = address_vectors(step, device, 1, 2, "row rank bank column bank_group channel")
    assert LEVELS == ("channel", "rank", "bank_group", "bank", "row", "column")
    assert places.tolist() == [
        [0, 0, 0, 0, 0, 0],
        [0, 0, 1, 0, 0, 0],
        [0, 0, 2, 0, 0, 0],
        [0, 0, 0, 0, 0, 2],
        [0, 0, 0, 1, 0, 0],
        [0, 0, 0, 0, 1, 0],
    ]
