"""Draws of prices: within bounds, seeded, together where they have one source."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.draws import Draws, Line, between, drawn, interval, uniform

pytestmark = pytest.mark.small

U = uniform("a source", 20_000, 0)


@given(st.tuples(*[st.floats(0, 1e9)] * 3).map(sorted))
def test_a_draw_lies_between_low_and_high_and_grows_with_its_position(bounds: list[float]) -> None:
    low, nominal, high = bounds
    values = between(U, low, nominal, high)
    slack = 1e-9 * high
    assert (values >= low - slack).all()
    assert (values <= high + slack).all()
    assert (np.diff(values[np.argsort(U)]) >= -slack).all()


def test_nominal_is_the_median_and_each_half_thins_towards_its_bound() -> None:
    """Halves of 1 to 2 and 2 to 5: a third of the way from a triangle's base lies its mean."""
    values = between(U, 1.0, 2.0, 5.0)
    assert np.median(values) == pytest.approx(2, abs=0.05)
    assert values[values < 2].mean() == pytest.approx(2 - 1 / 3, rel=0.01)
    assert values[values > 2].mean() == pytest.approx(2 + 3 / 3, rel=0.01)
    assert (between(U, 3.0, 3.0, 3.0) == 3.0).all()
    assert (between(U, 3.0, 3.0, 4.0)[U < 0.5] == 3.0).all()


def test_prices_of_one_source_move_together_and_of_two_do_not() -> None:
    """Two lines of 1 to 3 pJ: together their sum spreads twice as wide as one, apart sqrt(2) as wide."""

    def spread(*groups: str) -> float:
        lines = [Line(0, f"row {i}", group, 1.0, 2.0, 3.0) for i, group in enumerate(groups)]
        return float(drawn(lines, 1, 50_000).std())

    one = spread("x")
    assert spread("x", "x") == pytest.approx(2 * one)
    assert spread("x", "y") == pytest.approx(2**0.5 * one, rel=0.03)


def test_layers_add_up_draw_by_draw_and_a_seed_decides_them() -> None:
    lines = [
        Line(0, "mac", "a", 1.0, 2.0, 4.0),
        Line(1, "mac", "a", 10.0, 20.0, 40.0),
        Line(1, "dram", "b", 5.0, 5.0, 9.0),
    ]
    values = drawn(lines, 2, 100)
    np.testing.assert_array_equal(values, drawn(lines, 2, 100))
    assert (values != drawn(lines, 2, 100, seed=1)).all()
    whole = drawn([line._replace(layer=0) for line in lines], 1, 100)
    np.testing.assert_allclose(values.sum(axis=1), whole[:, 0])
    np.testing.assert_allclose(drawn(lines[:1], 1, 100) * 10, drawn([lines[1]._replace(layer=0)], 1, 100))
    low, high = interval(whole)
    assert 16 < low < high < 53
    assert ((whole >= low) & (whole <= high)).mean() == pytest.approx(0.9, abs=0.02)


def test_a_price_of_nothing_and_a_bill_of_nothing_cost_nothing() -> None:
    assert (drawn([Line(0, "free", "a", 0.0, 0.0, 0.0)], 1, 10) == 0).all()
    assert (drawn([], 3, 10) == 0).all()
    assert drawn([], 3, 10).shape == (10, 3)


def test_draws_of_all_layers_are_those_of_one_layer_that_has_every_line() -> None:
    """Bit for bit: the same sums in the same order."""
    generator = np.random.default_rng(5)
    lines = []
    for layer in range(7):
        for row in range(4):
            nominal = float(generator.random())
            lines.append(Line(layer, f"row{row}", f"group{row % 2}", nominal / 3, nominal, 1.7 * nominal))
    whole = drawn([line._replace(layer=0) for line in lines], 1)
    np.testing.assert_array_equal(Draws(lines, 7).of_all(), whole[:, 0])
    np.testing.assert_array_equal(Draws(lines, 7).of_layers(), drawn(lines, 7))
