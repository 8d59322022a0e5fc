"""The choice of kept tensors against brute force over every subset."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.schedule.keep_search import Choice, Cost, best_kept
from accelsim.schedule.lives import Life

pytestmark = pytest.mark.small


def brute_force(nodes, lives, capacity, cost, wanted=frozenset()):
    """The least cost over all subsets of tensors, or None."""
    found = []
    names = [life.tensor for life in lives]
    for count in range(len(names) + 1):
        for chosen in combinations(lives, count):
            if not wanted <= {life.tensor for life in chosen}:
                continue
            total = Cost(0, 0)
            for node in range(nodes):
                alive = [life for life in chosen if life.first <= node <= life.last]
                left = capacity - sum(life.bytes for life in alive)
                one = cost(node, frozenset(life.tensor for life in alive), left) if left >= 0 else None
                if one is None:
                    break
                total = Cost(total.dram_bytes + one.dram_bytes, total.cycles + one.cycles)
            else:
                found.append(total)
    return min(found) if found else None


@st.composite
def problems(draw):
    nodes = draw(st.integers(2, 7))
    lives = []
    for first in range(nodes - 1):
        if draw(st.booleans()):
            last = draw(st.integers(first + 1, nodes - 1))
            lives.append(Life(f"t{first}", draw(st.integers(1, 10)), first, last))
    needs = draw(st.lists(st.integers(0, 12), min_size=nodes, max_size=nodes))
    savings = {life.tensor: draw(st.integers(-3, 20)) for life in lives}
    wanted = frozenset(life.tensor for life in lives if draw(st.integers(0, 4)) == 0)
    return nodes, lives, needs, savings, draw(st.integers(4, 30)), wanted


def costs(lives, needs, savings):
    """A node that is short of bytes moves more; one that lacks half of its need does not fit."""

    def cost(node, held, left):
        if 2 * left < needs[node]:
            return None
        own = [life.tensor for life in lives if node in (life.first, life.last) and life.tensor in held]
        refetched = 3 * max(needs[node] - left, 0)
        return Cost(100 + refetched - sum(savings[name] for name in own), 10 + left % 3)

    return cost


@given(problems())
@settings(deadline=None)
def test_the_choice_is_the_best_of_all_subsets(problem):
    nodes, lives, needs, savings, capacity, wanted = problem
    cost = costs(lives, needs, savings)
    found = best_kept(nodes, lives, capacity, cost, wanted)
    best = brute_force(nodes, lives, capacity, cost, wanted)
    if best is None:
        assert isinstance(found, int)
    else:
        assert isinstance(found, Choice)
        assert found.cost == best
        assert wanted <= found.kept


@given(problems(), st.integers(1, 3))
@settings(deadline=None)
def test_a_narrow_beam_never_costs_more_than_keeping_nothing(problem, width):
    nodes, lives, needs, savings, capacity, _ = problem
    cost = costs(lives, needs, savings)
    unkept = [cost(node, frozenset(), capacity) for node in range(nodes)]
    found = best_kept(nodes, lives, capacity, cost, most_states=width)
    if None not in unkept:
        assert isinstance(found, Choice)
        assert found.cost.dram_bytes <= sum(one.dram_bytes for one in unkept)


def test_a_large_tensor_gives_way_to_two_small_ones_that_save_more():
    """8 bytes: t0 (8 bytes, saves 10 + 10) or t1 and t2 (4 bytes, save 6 + 6 each)."""
    lives = [Life("t0", 8, 0, 4), Life("t1", 4, 1, 2), Life("t2", 4, 2, 3)]
    cost = costs(lives, [0] * 5, {"t0": 10, "t1": 6, "t2": 6})
    found = best_kept(5, lives, 8, cost)
    assert isinstance(found, Choice)
    assert found.kept == {"t1", "t2"}
    assert found.cost.dram_bytes == 500 - 24
