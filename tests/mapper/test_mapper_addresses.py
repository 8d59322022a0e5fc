"""Runs and descriptors against the traffic that the plan counts, and against each other."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_mapper_traffic import chips, layers, plans

from accelsim.hardware import Accelerator, load_hardware
from accelsim.machine.requests import REGIONS, Requests, descriptors
from accelsim.mapper.addresses import PAGE_BYTES, plan_requests
from accelsim.mapper.encoded import encoded_sizes, filter_block
from accelsim.mapper.traffic import plan_traffic
from accelsim.plan import LOOPS, Plan, tile_boxes
from accelsim.tables import TRAFFIC
from accelsim.trace import LayerTrace, from_arrays

COLUMN = {name: i for i, name in enumerate(TRAFFIC)}


def requested(
    trace: LayerTrace, chip: Accelerator, plan: Plan, density: float = 0.5, seed: int = 0
) -> tuple[Requests, np.ndarray, np.ndarray]:
    outputs = np.random.default_rng(seed).random(trace.layer.output_shape) < density
    boxes, sizes = tile_boxes(plan, trace.layer), encoded_sizes(trace, chip, outputs, plan.tile_k)
    traffic, _ = plan_traffic(plan, boxes, trace.layer, chip, sizes)
    return plan_requests(plan, boxes, trace.layer, chip, sizes), traffic, boxes


def of_regions(runs: np.ndarray, *names: str) -> int:
    return sum(int(runs[runs[:, 2] == REGIONS.index(name), 1].sum()) for name in names)


def bursts(runs: np.ndarray, burst: int) -> int:
    """Bytes of the bursts that each run touches."""
    return sum(burst * (-(-(start + size) // burst) - start // burst) for start, size, _ in runs.tolist())


@settings(max_examples=150)
@given(data=st.data(), trace=layers(most_inputs=2), chip=chips())
def test_runs_are_the_bytes_and_the_bursts_that_the_plan_counts(
    data: st.DataObject, trace: LayerTrace, chip: Accelerator
) -> None:
    plan = data.draw(plans(trace, filter_block(trace.layer, chip, 1)))
    requests, traffic, boxes = requested(trace, chip, plan, seed=data.draw(st.integers(0, 9)))
    for t in range(len(boxes)):
        fetch, drain = requests.fetch(t), requests.drain(t)
        row = {name: int(traffic[t, i]) for name, i in COLUMN.items()}
        assert of_regions(fetch, "tables", "weights", "weight_pointers") == row["weight_fetch_bytes"]
        assert of_regions(fetch, "activations", "activation_pointers") == row["activation_fetch_bytes"]
        assert of_regions(fetch, "partial_sums") == row["partial_sum_fetch_bytes"]
        assert of_regions(drain, "outputs", "output_pointers") == row["output_drain_bytes"]
        assert of_regions(drain, "partial_sums") == row["partial_sum_drain_bytes"]
        for runs, waste in (
            (fetch, row["fetch_burst_waste_bytes"]),
            (drain, row["drain_burst_waste_bytes"]),
        ):
            assert bursts(runs, chip.dram.burst_bytes) == runs[:, 1].sum() + waste


@settings(max_examples=80)
@given(data=st.data(), trace=layers(most_inputs=2), chip=chips())
def test_every_run_stands_in_its_region_and_outputs_are_written_once(
    data: st.DataObject, trace: LayerTrace, chip: Accelerator
) -> None:
    plan = data.draw(plans(trace, filter_block(trace.layer, chip, 1)))
    requests, _, boxes = requested(trace, chip, plan)
    ends = np.append(requests.bases[1:], requests.end)
    assert (requests.bases % PAGE_BYTES == 0).all()
    region = requests.runs[:, 2]
    assert (requests.runs[:, 0] >= requests.bases[region]).all()
    assert (requests.runs[:, :2].sum(axis=1) <= ends[region]).all()
    drained = np.concatenate([requests.drain(t) for t in range(len(boxes))])
    written = drained[drained[:, 2] == REGIONS.index("outputs")]  # pointers: by each tile of columns
    written = written[np.argsort(written[:, 0])]
    assert (written[:-1, :2].sum(axis=1) <= written[1:, 0]).all()


def expanded(runs: np.ndarray) -> list[tuple[int, int, str]]:
    return [
        (d.address + plane * d.plane_stride_bytes + run * d.stride_bytes, d.run_bytes, d.operand)
        for d in descriptors(runs)
        for plane in range(d.planes)
        for run in range(d.runs)
    ]


rows = st.tuples(st.sampled_from([0, 4, 8, 12, 40, 44, 48, 80]), st.sampled_from([4, 8]), st.integers(3, 4))


@pytest.mark.small
@given(st.lists(rows, max_size=20))
def test_descriptors_list_the_runs_in_their_order(drawn: list[tuple[int, int, int]]) -> None:
    runs = np.array(drawn, np.int64).reshape(-1, 3)
    assert expanded(runs) == [(start, size, REGIONS[region]) for start, size, region in drawn]


def test_rows_of_a_dense_halo_are_one_descriptor_and_images_its_planes() -> None:
    """Columns 0..6 of rows 2..5 of two images of 9 x 9 pixels of 16 bytes: a halo of a cut in P and Q."""
    trace = from_arrays(np.ones((16, 3, 3, 16), np.int8), np.ones((2, 9, 9, 16), np.uint8))
    chip = load_hardware("dense-16x16")
    plan = Plan(tile_n=2, tile_k=16, tile_c=16, tile_p=2, tile_q=4)
    requests, _, boxes = requested(trace, chip, plan)
    t = int(np.argmax((boxes[:, 6] == 2) & (boxes[:, 8] == 0)))
    (found,) = [d for d in descriptors(requests.fetch(t)) if d.operand == "activations"]
    base = int(requests.bases[REGIONS.index("activations")])
    assert (found.address - base, found.run_bytes) == (2 * 9 * 16, 6 * 16)
    assert (found.runs, found.stride_bytes) == (4, 9 * 16)
    assert (found.planes, found.plane_stride_bytes) == (2, PAGE_BYTES)


def test_rows_of_varying_size_need_a_descriptor_each() -> None:
    generator = np.random.default_rng(1)
    activations = generator.integers(0, 2, (1, 9, 9, 64)).astype(np.uint8)
    trace = from_arrays(np.ones((16, 3, 3, 64), np.int8), activations)
    plan = Plan(tile_n=1, tile_k=16, tile_c=64, tile_p=7, tile_q=4)
    counts = {}
    for name in ("dense-16x16", "both-skip-16x16"):
        requests, _, _ = requested(trace, load_hardware(name), plan)
        counts[name] = requests.descriptor_counts()[0, 0]
    assert counts["dense-16x16"] == 2
    assert counts["both-skip-16x16"] >= 2 + 2 + 7  # pointers, weights, nearly every row


def test_weights_that_are_fetched_again_are_fetched_from_where_they_were() -> None:
    trace = from_arrays(np.ones((32, 1, 1, 64), np.int8), np.ones((1, 8, 8, 64), np.uint8))
    plan = Plan(tile_n=1, tile_k=16, tile_c=64, tile_p=4, tile_q=8, order="PNQKC")
    requests, _, boxes = requested(trace, load_hardware("dense-16x16"), plan)
    by_filters: dict[int, set[int]] = {}
    for t in range(len(boxes)):
        fetch = requests.fetch(t)
        starts = fetch[fetch[:, 2] == REGIONS.index("weights"), 0].tolist()
        by_filters.setdefault(int(boxes[t, 2 * LOOPS.index("K")]), set()).update(starts)
    assert sorted(len(starts) for starts in by_filters.values()) == [1, 1]
    assert len(set.union(*by_filters.values())) == 2
