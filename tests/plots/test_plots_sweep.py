import numpy as np
import pandas as pd
import pytest

from accelsim import plots
from accelsim.errors import InputError


def table(values=(16, 4, 8), cycles=(2.6e6, 8e6, 4.2e6), **more):
    energy = [880.0 + n for n in range(len(values))]
    return pd.DataFrame({"rows": values, "cycles_mean": cycles, "energy_uj_mean": energy} | more)


@pytest.mark.small
def test_rows_are_drawn_in_ascending_order_with_the_ideal_from_the_first():
    drawn = plots.sweep_table(table(), "rows")
    assert drawn["rows"].tolist() == [4, 8, 16]
    assert drawn["cycles_mean"].tolist() == [8e6, 4.2e6, 2.6e6]
    assert drawn["ideal_cycles"].tolist() == [8e6, 4e6, 2e6]


@pytest.mark.small
def test_each_line_has_its_own_ideal():
    both = pd.concat([table(dram="slow"), table(dram="fast", cycles=(1e6, 3e6, 2e6))])
    drawn = plots.sweep_table(both, "rows", by="dram").set_index(["dram", "rows"])
    assert drawn.loc[("slow", 16), "ideal_cycles"] == 2e6
    assert drawn.loc[("fast", 16), "ideal_cycles"] == 0.75e6


@pytest.mark.small
def test_words_have_an_order_but_no_ideal():
    words = table(values=("skip", "gate", "compute"))
    drawn = plots.sweep_table(words, "rows")
    assert drawn["rows"].tolist() == ["skip", "gate", "compute"]
    assert "ideal_cycles" not in drawn


def test_panels_show_the_tables_numbers_in_the_units_of_their_axes():
    figure = plots.sweep(table(), "rows")
    cycles, energy = figure.axes
    assert cycles.get_ylabel() == "duration of an inference (million cycles)"
    assert energy.get_ylabel() == "energy of an inference (nJ)" or energy.get_ylabel().endswith("(µJ)")
    simulated, ideal = cycles.get_lines()
    np.testing.assert_allclose(simulated.get_ydata(), [8, 4.2, 2.6])
    np.testing.assert_allclose(ideal.get_ydata(), [8, 4, 2])
    np.testing.assert_allclose(energy.get_lines()[0].get_ydata(), [881, 882, 880])
    assert [t.get_text() for t in cycles.get_xticklabels()] == ["4", "8", "16"]


def test_values_over_two_octaves_are_logarithmic_others_linear():
    assert plots.sweep(table(), "rows").axes[0].get_xscale() == "log"
    near = plots.sweep(table(values=(10, 11, 12)), "rows").axes[0]
    assert near.get_xscale() == "linear"
    assert near.get_ylim()[0] == 0


def test_a_flat_sweep_still_has_ticks_on_its_axis():
    axes = plots.sweep(table(cycles=(1e6, 1e6, 1e6)), "rows").axes[0]
    low, high = axes.get_ylim()
    assert len([tick for tick in axes.get_yticks() if low <= tick <= high]) >= 2


def test_energy_band_reaches_from_low_to_high():
    figure = plots.sweep(table(energy_uj_p05=[400.0] * 3, energy_uj_p95=[2000.0] * 3), "rows")
    (band,) = figure.axes[1].collections
    heights = band.get_paths()[0].vertices[:, 1]
    assert (heights.min(), heights.max()) == (400, 2000)
    assert "low to high price" in [t.get_text() for t in figure.legends[0].get_texts()]


def test_words_are_points_without_lines_and_a_bar_from_low_to_high_each():
    words = table(("skip", "gate", "compute"), energy_uj_p05=[400.0] * 3, energy_uj_p95=[2000.0] * 3)
    figure = plots.sweep(words, "rows")
    assert {line.get_linestyle() for panel in figure.axes for line in panel.lines} == {"None"}
    (bars,) = figure.axes[1].collections
    assert [path.vertices[:, 1].tolist() for path in bars.get_paths()] == [[400, 2000]] * 3


@pytest.mark.parametrize(
    ("more", "title"),
    [
        ({"network": "toy", "chip": "sparse"}, "toy on sparse against rows"),
        ({"network": "toy", "chip": ["a", "b", "c"]}, "toy against rows"),
        ({}, "cycles and energy against rows"),
    ],
)
def test_title_says_what_all_rows_share(more, title):
    assert plots.sweep(table(**more), "rows").get_suptitle() == title


@pytest.mark.small
@pytest.mark.parametrize(
    ("given", "axis", "message"),
    [
        (table().drop(columns="cycles_mean"), "rows", "no column 'cycles_mean'; it has rows, energy_uj_mean"),
        (table(), "columns", "no column 'columns'"),
        (table().iloc[:0], "rows", "has no rows"),
        (table(values=(4, 4, 8)), "rows", "more than one row for 4; say with `by`"),
    ],
)
def test_a_table_that_cannot_be_drawn_is_refused(given, axis, message):
    with pytest.raises(InputError, match=message):
        plots.sweep_table(given, axis)
