"""Points and fit in one picture; points beyond the fit are hollow."""

import pytest

from accelsim import plots
from accelsim.errors import InputError
from accelsim.study.sram_fit import fit_table


def test_the_picture_draws_every_point_and_the_fit_of_every_fitted_width():
    table = fit_table(45)
    assert len(table) == 78
    figure = plots.sram_fit(table, 45)
    for axes in figure.axes:
        marks = sum(
            len(line.get_xdata()) for line in axes.lines if line.get_marker() not in ("", "None", None)
        )
        assert marks == 78
        fits = [line for line in axes.lines if line.get_marker() in ("", "None", None)]
        assert len(fits) == 4
    assert figure.axes[0].get_ylabel() == "energy of an access (pJ)"


@pytest.mark.small
def test_the_ratios_are_points_over_the_fit_within_the_bounds_of_the_table():
    table = fit_table(45)
    fitted = table[table["in_fit"] == 1]
    assert len(fitted) == 48
    assert (table["read_ratio"] * table["read_fit_pj"]).tolist() == pytest.approx(table["read_pj"].tolist())
    assert fitted["read_ratio"].min() == pytest.approx(0.668, abs=0.002)
    assert fitted["read_ratio"].max() == pytest.approx(1.492, abs=0.002)
    with pytest.raises(InputError, match="no CACTI points at 28 nm; nodes: 7, 16, 22, 32, 45, 65"):
        fit_table(28)
