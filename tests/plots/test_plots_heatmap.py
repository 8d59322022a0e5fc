import numpy as np
import pandas as pd
import pytest
from results_by_hand import result

from accelsim import plots
from accelsim.errors import InputError
from accelsim.hardware import load_hardware, presets


def pes(layer="conv0", rows=4, columns=4, parts=1, total=None):
    """Every PE (row + 1) x (column + 1) MACs, or in that proportion so that they add up to `total`."""
    part, row, column = (axis.ravel() for axis in np.indices((parts, rows, columns)))
    done = (row + 1) * (column + 1)
    if total is not None:
        done = done * (total // done.sum())
        done[-1] += total - done.sum()
    return pd.DataFrame(
        {
            "layer": layer,
            "part": part,
            "row": row,
            "column": column,
            "mac_lane_cycles": done,
            "slot_lane_cycles": done,
        }
    )


def of_run(run):
    sums = run.layers.groupby("layer", sort=False)["mac_lane_cycles"].sum()
    return pd.concat(
        [pes(name, total=int(total)) for name, total in sums.items() if total], ignore_index=True
    )


def test_each_pe_is_a_square_at_its_row_and_column():
    table = pes(rows=3, columns=5, parts=2).assign(utilisation_fraction=lambda t: t["mac_lane_cycles"] / 100)
    figure = plots.heatmap(table, "conv", "toy on sparse")
    values = np.asarray(figure.axes[0].collections[0].get_array()).reshape(3, 10)
    np.testing.assert_allclose(values, np.outer([1, 2, 3], [1, 2, 3, 4, 5, 1, 2, 3, 4, 5]))
    assert figure.axes[0].yaxis_inverted()
    assert "2 parts of 5" in figure.axes[0].get_xlabel()
    assert figure.axes[1].get_ylabel() == "utilisation of the PE (%)"


def test_utilisation_of_the_pes_has_the_layers_as_its_mean():
    run = plots.tables_of(result(inputs=2))
    used = plots.with_utilisation(run, of_run(run)).groupby("layer")["utilisation_fraction"].mean()
    for name in ("conv0", "conv2"):
        rows = run.layers[run.layers["layer"] == name]
        lanes = run.chip.pe_array.multipliers * rows["cycles"].sum()
        assert used[name] == pytest.approx(rows["mac_lane_cycles"].sum() / lanes)


def test_the_most_uneven_layer_comes_first_and_even_ones_are_even():
    run = plots.tables_of(result())
    table = of_run(run)
    even = table["layer"] == "conv1"
    total = int(table["mac_lane_cycles"][even].sum())
    table.loc[even, "mac_lane_cycles"] = total // 16
    table.loc[table.index[even][0], "mac_lane_cycles"] += total % 16
    balance = plots.balance_table(run, table).set_index("layer")
    assert balance["uneven_lane_cycles"].is_monotonic_decreasing
    assert balance.loc["conv1", "most_over_mean"] == pytest.approx(1, rel=1e-2)
    done = table[table["layer"] == "conv2"]["mac_lane_cycles"]
    assert balance.loc["conv2", "most_over_mean"] == pytest.approx(done.max() / done.mean())
    assert balance.loc["conv2", "uneven_lane_cycles"] == 16 * done.max() - done.sum()
    assert (balance["idle_pes"] == 0).all()


def test_pes_of_another_run_and_missing_columns_are_refused():
    run = plots.tables_of(result())
    with pytest.raises(InputError, match="of another run"):
        plots.with_utilisation(run, pes(total=7))
    with pytest.raises(InputError, match="no column 'utilisation_fraction'"):
        plots.heatmap(pes(), "conv", "toy")


@pytest.mark.parametrize("chip", presets())
def test_every_chip_says_what_falls_on_its_rows_and_columns(chip):
    axes_of = plots.pe_axes(load_hardware(chip))
    drawn = plots.heatmap(pes().assign(utilisation_fraction=0.5), "conv", "toy", axes_of).axes[0]
    assert drawn.get_ylabel() == f"row ({axes_of[0]})"
    assert drawn.get_xlabel() == f"column ({axes_of[1]})"
    assert axes_of[0] != axes_of[1]


def test_a_systolic_array_says_what_is_stationary():
    chip = load_hardware("systolic-weights-16x32", ["pe_array.stationary=activations"])
    assert plots.pe_axes(chip) == ("tap and channel", "output position")
