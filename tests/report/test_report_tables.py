import pytest
from results_by_hand import chip, result

from accelsim.errors import InputError
from accelsim.report import as_text, summary_rows, summary_tables
from accelsim.report.tables import number


def summaries():
    return [
        result(chip("dense-4x4"), tile_cycles=1000).summary(),
        result(chip("sparse-4x4"), tile_cycles=200).summary(),
    ]


@pytest.mark.small
def test_speedup_is_over_the_named_baseline():
    dense, sparse = summaries()
    rows = summary_rows([dense, sparse], "dense-4x4")
    assert [row["speedup"] for row in rows] == [1, dense["cycles_mean"] / sparse["cycles_mean"]]
    assert {row["baseline"] for row in rows} == {"dense-4x4"}
    rows = summary_rows([dense, sparse], "sparse-4x4")
    assert [row["speedup"] for row in rows] == [sparse["cycles_mean"] / dense["cycles_mean"], 1]


@pytest.mark.small
def test_rows_keep_every_figure_of_the_summary():
    for summary, row in zip(summaries(), summary_rows(summaries(), "dense-4x4"), strict=True):
        assert row == summary | {"baseline": "dense-4x4", "speedup": row["speedup"]}


@pytest.mark.small
def test_each_network_is_compared_with_its_own_baseline():
    rows = summary_rows(
        [
            {**s, "network": name, "cycles_mean": s["cycles_mean"] * factor}
            for name, factor in (("a", 1), ("b", 7))
            for s in summaries()
        ],
        "dense-4x4",
    )
    assert rows[1]["speedup"] == pytest.approx(rows[3]["speedup"])


@pytest.mark.small
def test_a_pruned_network_is_compared_with_the_dense_one():
    dense, sparse = summaries()
    rows = summary_rows([dense, sparse | {"network": "toy-pruned"}], "dense-4x4")
    assert rows[1]["speedup"] == dense["cycles_mean"] / sparse["cycles_mean"]


@pytest.mark.small
def test_other_work_has_no_baseline():
    dense, sparse = summaries()
    other = sparse | {"network": "vgg", "dense_macs": 1}
    with pytest.raises(
        InputError, match="vgg on sparse-4x4: needs one run on the baseline 'dense-4x4', not 0"
    ):
        summary_rows([dense, other], "dense-4x4")


@pytest.mark.small
def test_an_unknown_baseline_is_refused_and_the_known_are_named():
    with pytest.raises(InputError, match="baseline must be one of dense-4x4, sparse-4x4, not 'eie'"):
        summary_rows(summaries(), "eie")


LARGE = {
    "cycles_mean": 1234567890.0,
    "ms_per_inference": 2469.136,
    "inferences_per_s": 0.4,
    "energy_uj_mean": 123456.7,
    "energy_uj_p05": 65432.1,
    "energy_uj_p95": 345678.9,
    "energy_uj_toggle_error": 1234.56,
    "dram_mb_per_inference": 1234.56,
    "bound_by": "postprocessor 100 %",
    "chip": "a-chip-with-quite-a-long-name-64x64",
}


@pytest.mark.parametrize("width", [80, 120])
def test_tables_fit_the_screen_and_lose_no_digit(width):
    dense, sparse = summaries()
    rows = [dense, sparse | LARGE]
    text = as_text(summary_tables(rows, "dense-4x4"), width)
    assert max(len(line) for line in text.splitlines()) <= width
    for figure in (
        "1,234,567,890",
        "2,469.14",
        "123,457",
        "+-1,235",
        "65,432",
        "345,679",
        "1,234.6",
        "postprocessor",
    ):
        assert figure in text, figure


def test_small_tables_show_each_figure_beside_its_chip():
    dense, sparse = summaries()
    text = as_text(summary_tables([dense, sparse], "dense-4x4"))
    speed, machine = text.split("toy: machine and energy")
    assert "speed-up over dense-4x4" in speed
    (row,) = [line.split() for line in speed.splitlines() if line.startswith("sparse-4x4")]
    speedup = dense["cycles_mean"] / sparse["cycles_mean"]
    assert row[1] == f"{sparse['cycles_mean']:,.0f}"
    assert row[4:] == [f"{speedup:.2f}", "0.50", "0.60", "0.300", "3.33"]
    (row,) = [line.split() for line in machine.splitlines() if line.startswith("sparse-4x4")]
    assert row[2] == "0.032"


def test_a_figure_that_does_not_exist_is_a_dash():
    dense, _ = summaries()
    text = as_text(summary_tables([dense | {"speedup_limit": float("nan")}], "dense-4x4"))
    assert "nan" not in text
    (row,) = [line for line in text.splitlines() if line.startswith("dense-4x4")][:1]
    assert row.endswith(" -")


@pytest.mark.small
def test_what_is_not_zero_is_not_printed_as_zero():
    assert [number(value, 3) for value in (0.0, 0.0006, 0.00024, 0.0000001)] == [
        "0.000",
        "0.001",
        "0.00024",
        "1e-07",
    ]
    assert number(-0.04, 1) == "-0.04"


def test_names_in_brackets_are_names():
    dense, _ = summaries()
    text = as_text(summary_tables([dense | {"network": "[red]net[/red]"}], "dense-4x4"))
    assert "[red]net[/red]" in text


def test_several_networks_are_named_in_their_rows():
    rows = [s | {"network": name} for name in ("first", "second") for s in summaries()]
    text = as_text(summary_tables(rows, "dense-4x4"))
    assert "2 networks" in text
    assert text.count("first") == text.count("second") == 4
