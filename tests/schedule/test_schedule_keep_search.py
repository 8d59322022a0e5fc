"""The choice of kept tensors against brute force over every subset."""

from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.hardware import load_hardware
from accelsim.schedule.keep_search import Choice, Cost, best_kept
from accelsim.schedule.lives import Life
from accelsim.schedule.weighing import least_product, weigh_of

pytestmark = pytest.mark.small
OBJECTIVES = ("dram", "cycles", "energy", "edp")


def segmentations(ends, first=0):
    """Every way to cut the nodes into spans that `ends` allows."""
    if first == len(ends):
        yield ()
        return
    for end in ends[first]:
        for rest in segmentations(ends, end):
            yield ((first, end), *rest)


def brute_force(ends, lives, capacity, cost, wanted=frozenset()):
    """The costs of all cuts into spans with all subsets of tensors that fit."""
    found = []
    for spans in segmentations(ends):
        inner = {node for first, end in spans for node in range(first, end - 1)}
        for count in range(len(lives) + 1):
            for chosen in combinations(lives, count):
                names = {life.tensor for life in chosen}
                if not wanted <= names or any(life.first in inner for life in chosen):
                    continue
                total = Cost(0, 0)
                for first, end in spans:
                    alive = [life for life in chosen if life.first < end and life.last >= first]
                    left = capacity - sum(life.bytes for life in alive)
                    held = frozenset(life.tensor for life in alive)
                    one = cost((first, end), held, left) if left >= 0 else None
                    if one is None:
                        break
                    total = total.plus(one)
                else:
                    found.append(total)
    return found


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
    ends = [[first + 1] for first in range(nodes)]
    for first in range(nodes - 1):
        if draw(st.integers(0, 3)) == 0:
            ends[first].append(draw(st.integers(first + 2, nodes)))
    return ends, lives, needs, savings, draw(st.integers(4, 30)), wanted


def costs(lives, needs, savings):
    """Nodes that are short of bytes move more; those that lack half of their need do not fit."""

    def cost(span, held, left):
        first, end = span
        need = sum(needs[first:end])
        if 2 * left < need:
            return None
        ends = [life.tensor for life in lives if life.first == end - 1 or first <= life.last < end]
        refetched = 3 * max(need - left, 0)
        saved = sum(savings[name] for name in ends if name in held) + 15 * (end - first - 1)
        return Cost(100 * (end - first) + refetched - saved, 10 + left % 3, 50.0 + left % 7 - saved)

    return cost


def fewest_bytes(cost):
    return cost.dram_bytes, cost.cycles


@given(problems(), st.sampled_from(OBJECTIVES))
@settings(deadline=None)
def test_the_choice_is_the_best_of_all_subsets(problem, objective):
    ends, lives, needs, savings, capacity, wanted = problem
    cost, weigh = costs(lives, needs, savings), weigh_of(objective, load_hardware("dense-16x16"))
    every = brute_force(ends, lives, capacity, cost, wanted)

    def search(weigh):
        return best_kept(ends, lives, capacity, cost, weigh, wanted)

    found = least_product(search) if objective == "edp" else search(weigh)
    if not every:
        assert isinstance(found, int)
    else:
        assert isinstance(found, Choice)
        assert weigh(found.cost)[0] == pytest.approx(min(weigh(one)[0] for one in every), rel=1e-12)
        assert found.cost in every
        assert wanted <= found.kept


@given(problems(), st.integers(1, 3))
@settings(deadline=None)
def test_a_narrow_beam_never_costs_more_than_keeping_nothing(problem, width):
    ends, lives, needs, savings, capacity, _ = problem
    cost = costs(lives, needs, savings)
    unkept = [cost((node, node + 1), frozenset(), capacity) for node in range(len(ends))]
    found = best_kept(ends, lives, capacity, cost, fewest_bytes, most_states=width)
    if None not in unkept:
        assert isinstance(found, Choice)
        assert found.cost.dram_bytes <= sum(one.dram_bytes for one in unkept)


def test_a_large_tensor_gives_way_to_two_small_ones_that_save_more():
    """8 bytes: t0 (8 bytes, saves 10 + 10) or t1 and t2 (4 bytes, save 6 + 6 each)."""
    lives = [Life("t0", 8, 0, 4), Life("t1", 4, 1, 2), Life("t2", 4, 2, 3)]
    cost = costs(lives, [0] * 5, {"t0": 10, "t1": 6, "t2": 6})
    found = best_kept([[i + 1] for i in range(5)], lives, 8, cost, fewest_bytes)
    assert isinstance(found, Choice)
    assert found.kept == {"t1", "t2"}
    assert found.cost.dram_bytes == 500 - 24
