import dataclasses

import numpy as np
import pytest
from results_by_hand import chip, result

from accelsim import plots
from accelsim.errors import InputError
from accelsim.tables import CAUSES


def runs():
    return [
        result(chip("dense-4x4"), tile_cycles=1000),
        result(chip("sparse-4x4"), tile_cycles=200),
        result(chip("wide-8x4", rows=8), tile_cycles=300),
    ]


@pytest.mark.small
def test_speedup_is_baseline_cycles_over_cycles():
    dense, sparse, wide = runs()
    table = plots.compare_table([dense, sparse, wide])
    assert table["speedup"].tolist() == [1, dense.cycles / sparse.cycles, dense.cycles / wide.cycles]
    against = plots.compare_table([dense, sparse, wide], baseline="wide-8x4")
    assert against["speedup"].tolist() == [wide.cycles / dense.cycles, wide.cycles / sparse.cycles, 1]
    assert set(against["baseline"]) == {"wide-8x4"}


@pytest.mark.small
def test_causes_add_up_to_the_cycles_of_each_chip():
    table = plots.compare_table(runs())
    np.testing.assert_allclose(
        table[[f"{c}_cycles" for c in CAUSES]].sum(axis=1), table["cycles"], rtol=1e-12
    )


@pytest.mark.small
def test_cycles_are_those_of_one_inference():
    one, many = result(inputs=1), result(chip("again"), inputs=3)
    cycles = plots.compare_table([one, many])["cycles"]
    assert cycles[1] == many.cycles / 3


def test_each_bar_carries_its_speedup_and_the_title_its_baseline():
    dense, sparse, wide = runs()
    figure = plots.compare([dense, sparse, wide])
    axes = figure.axes[0]
    assert [t.get_text() for t in axes.texts] == [
        f"{dense.cycles / r.cycles:.2f}x" for r in (dense, sparse, wide)
    ]
    assert axes.get_title(loc="left") == "toy: cycles by cause, speed-up over dense-4x4"
    figure.draw_without_rendering()
    assert all(t.get_window_extent().x1 <= axes.get_window_extent().x1 for t in axes.texts)


@pytest.mark.small
def test_a_pruned_network_may_stand_beside_the_dense_one():
    dense, pruned = result(effectual=0.9), result(effectual=0.2, network="toy-pruned", tile_cycles=100)
    table = plots.compare_table([dense, pruned])
    assert table["run"].tolist() == ["sparse, toy", "sparse, toy-pruned"]


@pytest.mark.small
def test_other_work_has_no_speedup():
    with pytest.raises(InputError, match="equal dense MACs per inference, not a: "):
        plots.compare_table([result(), result(macs=200_000)], names=["a", "b"])


@pytest.mark.small
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"runs": []}, "at least one run"),
        ({"baseline": "eie"}, "baseline must be one of dense-4x4; sparse-4x4; wide-8x4, not 'eie'"),
        ({"names": ["a", "b"]}, "a name for each of 3 runs, not 2"),
        ({"names": ["a", "b", "a"]}, "two named 'a'"),
    ],
)
def test_wrong_names_are_refused(change, message):
    with pytest.raises(InputError, match=message):
        plots.compare_table(**({"runs": runs()} | change))


@pytest.mark.small
def test_two_runs_of_one_chip_need_names():
    run = result()
    with pytest.raises(InputError, match="two named 'sparse'"):
        plots.compare_table([run, run])
    faster = dataclasses.replace(run, layer_results=result(tile_cycles=50).layer_results)
    assert plots.compare_table([run, faster], names=["before", "after"])["speedup"][1] > 1
