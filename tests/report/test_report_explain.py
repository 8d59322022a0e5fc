import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from results_by_hand import array_layer, chip, result

from accelsim.errors import InputError
from accelsim.report import compare_runs, run_row, sentence
from accelsim.results import NetworkResult
from accelsim.tables import CAUSES


def row(value, cycles, key="pe_array.rows", **lane_cycles):
    causes = dict.fromkeys(CAUSES, 0) | lane_cycles
    return {key: value, "cycles_mean": cycles} | {f"{c}_lane_cycles": n for c, n in causes.items()}


@pytest.mark.small
def test_a_sentence_worked_by_hand():
    """Ideally 500 cycles, but 625 came: fetches took 194 where 60 were due, imbalance 56 where 25 were."""
    before = row(16, 1000, mac=830, fetch_wait=120, imbalance=50)
    after = row(32, 625, mac=600, fetch_wait=310, imbalance=90)
    assert sentence(before, after, "pe_array.rows") == (
        "32 rows: 1.60x faster than 16 rows, ideal 2.00x; of the lane-cycles "
        "31 % wait for DRAM fetches (was 12 %), 9 % are imbalance between PEs (was 5 %)"
    )


@pytest.mark.small
def test_a_large_share_that_did_not_grow_eats_nothing():
    before = row(16, 1000, mac=100, imbalance=800, fetch_wait=100)
    after = row(32, 600, mac=80, imbalance=640, fetch_wait=280)
    told = sentence(before, after, "pe_array.rows")
    assert "wait for DRAM fetches" in told
    assert "imbalance" not in told


@pytest.mark.small
@pytest.mark.parametrize(
    ("before", "after", "key", "start"),
    [
        (
            row(16, 1000, mac=1),
            row(32, 2000, mac=1),
            "pe_array.rows",
            "32 rows: 2.00x slower than 16 rows, ideal 2.00x;",
        ),
        (
            row(32, 500, mac=1),
            row(16, 800, mac=1),
            "pe_array.rows",
            "16 rows: 1.60x slower than 32 rows, ideal 2.00x slower;",
        ),
        (
            row(16, 1000, mac=1),
            row(32, 1001, mac=1),
            "pe_array.rows",
            "32 rows: as fast as 16 rows, ideal 2.00x;",
        ),
        (
            row("gate", 1000, "weight_policy", mac=1),
            row("skip", 100, "weight_policy", mac=1),
            "weight_policy",
            "weight_policy skip: 10.0x faster than weight_policy gate; of",
        ),
        (
            row(12.8, 1000, "dram.peak_gb_per_s", mac=1),
            row(25.6, 500, "dram.peak_gb_per_s", mac=1),
            "dram.peak_gb_per_s",
            "peak_gb_per_s 25.6: 2.00x faster than peak_gb_per_s 12.8, ideal 2.00x;",
        ),
        (row(True, 10, "x", mac=1), row(False, 5, "x", mac=1), "x", "x False: 2.00x faster than x True; of"),
        (
            row(np.int64(16), 1000, mac=1),
            row(np.int64(32), 500, mac=1),
            "pe_array.rows",
            "32 rows: 2.00x faster than 16 rows, ideal 2.00x;",
        ),
    ],
)
def test_the_first_half_says_the_step_its_gain_and_the_ideal(before, after, key, start):
    assert sentence(before, after, key).startswith(start)


@given(
    st.lists(st.integers(0, 1000), min_size=len(CAUSES), max_size=len(CAUSES)).filter(any),
    st.lists(st.integers(0, 1000), min_size=len(CAUSES), max_size=len(CAUSES)).filter(any),
    st.integers(1, 5000),
    st.integers(1, 5000),
)
def test_causes_named_stand_in_order_of_what_they_eat(was, now, was_cycles, now_cycles):
    before = row(1, was_cycles, **dict(zip(CAUSES, was, strict=True)))
    after = row(2, now_cycles, **dict(zip(CAUSES, now, strict=True)))
    told = sentence(before, after, "pe_array.rows").split("of the lane-cycles ")[1].split(", ")
    assert 1 <= len(told) <= 3
    eaten = [now_cycles * n / sum(now) - was_cycles / 2 * w / sum(was) for w, n in zip(was, now, strict=True)]
    order = eaten if sum(eaten) > 1e-6 * now_cycles else now
    largest = max(order)
    share = now[order.index(largest)] / sum(now)
    if order.count(largest) == 1 and abs(sum(eaten)) > 1e-6 * now_cycles:
        assert told[0].startswith(f"{100 * share:.0f} % ")


@pytest.mark.small
def test_a_row_of_a_sweep_is_the_summary_and_the_causes():
    run = result(inputs=2)
    got = run_row(run)
    assert {k: got[k] for k in run.summary()} == run.summary()
    assert {c: got[f"{c}_lane_cycles"] for c in CAUSES} == run.lane_cycles()


@pytest.mark.small
def test_a_row_that_lacks_a_column_is_refused():
    with pytest.raises(InputError, match=r"no column 'pe_array\.columns'"):
        sentence(row(1, 10), row(2, 10), "pe_array.columns")
    with pytest.raises(InputError, match="no column 'mac_lane_cycles'"):
        sentence({"pe_array.rows": 1, "cycles_mean": 10}, row(2, 10), "pe_array.rows")
    with pytest.raises(InputError, match="cycles_mean must be positive, not 0"):
        sentence(row(1, 10), row(2, 0), "pe_array.rows")


@pytest.mark.small
def test_causes_of_a_difference_add_up_to_it():
    slow, fast = result(tile_cycles=500, inputs=2), result(chip("wide", rows=8), tile_cycles=90, inputs=2)
    table = compare_runs(slow, fast)
    assert table["layer"].tolist() == ["conv0", "pool0", "conv1", "conv2"]
    np.testing.assert_allclose(
        table[[f"{c}_difference_cycles" for c in CAUSES]].sum(axis=1), table["difference_cycles"], atol=1e-9
    )
    assert table["difference_cycles"].sum() == (fast.cycles - slow.cycles) / 2


@pytest.mark.small
def test_the_explaining_cause_moved_furthest_the_same_way():
    on = chip()

    def run(tile_cycles, shares):
        layer = array_layer("conv", on, tile_cycles=tile_cycles, shares=shares)
        return NetworkResult(chip=on, network="toy", inputs=1, layer_results=(layer,))

    quick = run(100, {"mac": 0.5, "imbalance": 0.5})
    slow = run(400, {"mac": 0.1, "imbalance": 0.3, "fetch_wait": 0.6})
    (row,) = compare_runs(quick, slow).to_dict("records")
    assert row["explained_by"] == "fetch_wait"
    assert row["explained_cycles"] == row["fetch_wait_difference_cycles"] > 0
    (row,) = compare_runs(slow, quick).to_dict("records")
    assert row["explained_by"] == "fetch_wait"
    assert row["explained_cycles"] < 0


@pytest.mark.small
def test_equal_runs_have_nothing_to_explain():
    table = compare_runs(result(), result())
    assert set(table["explained_by"]) == {""}
    assert table["difference_cycles"].abs().sum() == 0


@pytest.mark.small
def test_runs_of_other_layers_are_refused():
    run = result()
    fewer = dataclasses.replace(run, layer_results=run.layer_results[:-1])
    with pytest.raises(InputError, match="toy on sparse has no layer 'conv2'"):
        compare_runs(run, fewer)
    with pytest.raises(InputError, match="toy on sparse has no layer 'conv2'"):
        compare_runs(fewer, run)
