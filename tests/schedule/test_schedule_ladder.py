"""Plans for falling capacities: each step is searched once, and what does not fit is not searched again."""

import pytest

from accelsim.plan import Plan
from accelsim.schedule.ladder import Ladder, Rung

pytestmark = pytest.mark.small
PLAN = Plan(tile_n=1, tile_k=1, tile_c=1, tile_p=1, tile_q=1)


def test_a_plan_fits_what_is_asked_and_steps_are_searched_once():
    asked: list[int] = []

    def search(capacity):
        asked.append(capacity)
        return Rung(PLAN, capacity // 2 if capacity > 500 else capacity, 1000 - capacity, 0)

    ladder = Ladder(1024, search)
    assert ladder.at(1024).live_bytes == ladder.at(512).live_bytes == 512
    assert asked == [1024]
    rung = ladder.at(470)
    assert rung.live_bytes <= 470
    step = asked[-1]
    assert 470 * 15 / 16 - 1 <= step <= 470
    assert ladder.at(step) is rung
    assert len(asked) == 2


def test_where_no_plan_fits_on_a_step_the_capacity_itself_decides():
    asked: list[int] = []

    def search(capacity):
        asked.append(capacity)
        return Rung(PLAN, 300, 7, 0) if capacity >= 300 else None

    ladder = Ladder(1024, search)
    assert ladder.at(300).live_bytes == 300
    assert ladder.at(299) is None
    count = len(asked)
    assert ladder.at(100) is None
    assert len(asked) == count


def test_cycles_are_those_of_a_capacity_that_is_there():
    """With 1024 bytes a plan of 100 prefetches; with what is left it does not."""
    ladder = Ladder(1024, lambda capacity: Rung(PLAN, 100, 7, 5 if capacity == 1024 else 50), timed=True)
    assert ladder.at(1024).cycles == 5
    assert ladder.at(200).cycles == 50
