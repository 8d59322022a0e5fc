"""Which tensors to keep: dynamic programming over the execution order.

::

    for node in order                          # state = the kept tensors alive before the node
      for state, for the node alone and for each chain of fused nodes that begins with it
        for output kept or not                 # if all that is alive then, and the nodes beside it, fits
          cost += nodes(inputs kept, output kept, bytes left)
          drop what these nodes read last

A state's best cost is all that the rest needs to know, so the result is the optimum. Where more than
MOST_STATES are alive at a node, the cheapest go on (a beam), and always the one that keeps nothing: no
choice ever costs more than keeping nothing.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from accelsim.schedule.lives import Life

MOST_STATES = 512


class Cost(NamedTuple):
    """What nodes cost; energy only where it counts."""

    dram_bytes: int
    cycles: int
    energy_pj: float = 0.0

    def plus(self, other: "Cost") -> "Cost":
        """Of both together."""
        return Cost(
            self.dram_bytes + other.dram_bytes,
            self.cycles + other.cycles,
            self.energy_pj + other.energy_pj,
        )


# What is minimised, the lesser pair first. It has to be a sum over nodes: then a state's best cost is enough.
Weigh = Callable[[Cost], tuple[float, float]]


# (first node, end, tensors alive in the scratchpad while they run, bytes left) -> cost, or None: none fits.
Span = tuple[int, int]
SpanCost = Callable[[Span, frozenset[str], int], Cost | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """The tensors to keep, the nodes (first, end) that run as one, and what the network costs then."""

    kept: frozenset[str]
    spans: tuple[Span, ...]
    cost: Cost


class _Path(NamedTuple):
    """How a state was reached."""

    weight: tuple[float, float]
    cost: Cost
    kept: frozenset[str]
    spans: tuple[Span, ...]


_States = dict[frozenset[str], _Path]


def best_kept(
    ends: Sequence[Sequence[int]],
    lives: Collection[Life],
    capacity_bytes: int,
    cost: SpanCost,
    weigh: Weigh,
    wanted: frozenset[str] = frozenset(),
    most_states: int = MOST_STATES,
) -> Choice | int:
    """The choice that weighs least.

    Parameters
    ----------
    ends : for each node the ends (exclusive) of the spans that may begin with it: alone, or fused chains
    lives : tensors that can be kept; within a chain none is
    wanted : tensors that must be kept

    Returns
    -------
    The choice, or the first node behind which no choice fits.
    """
    size = {life.tensor: life.bytes for life in lives}
    written = {life.first: life.tensor for life in lives}
    last = {life.tensor: life.last for life in lives}
    reached: list[_States] = [{} for _ in range(len(ends) + 1)]
    reached[0] = {frozenset(): _Path(weigh(Cost(0, 0)), Cost(0, 0), frozenset(), ())}
    furthest = 0
    for first, to in enumerate(ends):
        states = _cheapest(reached[first], most_states)
        furthest = first if states else furthest
        for end in to:
            within = {written[node] for node in range(first, end - 1) if node in written}
            if within & wanted:
                continue
            for alive, path in states.items():
                for output in _outputs(written.get(end - 1), wanted):
                    held = alive | output
                    left = capacity_bytes - sum(size[name] for name in held)
                    found = cost((first, end), held, left) if left >= 0 else None
                    if found is None:
                        continue
                    total = path.cost.plus(found)
                    weight = weigh(total)
                    state = frozenset(name for name in held if last[name] >= end)
                    if state not in reached[end] or weight < reached[end][state].weight:
                        spans = (*path.spans, (first, end))
                        reached[end][state] = _Path(weight, total, path.kept | output, spans)
        reached[first] = {}
    if not reached[-1]:
        return furthest
    best = min(reached[-1].values(), key=lambda path: path.weight)
    return Choice(best.kept, best.spans, best.cost)


def _outputs(tensor: str | None, wanted: frozenset[str]) -> Sequence[frozenset[str]]:
    """What a span may add to the scratchpad."""
    if tensor is None:
        return (frozenset(),)
    kept = frozenset((tensor,))
    return (kept,) if tensor in wanted else (frozenset(), kept)


def _cheapest(states: _States, most: int) -> _States:
    if len(states) <= most:
        return states
    ranked = sorted(states, key=lambda state: (bool(state), states[state].weight, sorted(state)))
    return {state: states[state] for state in ranked[:most]}
