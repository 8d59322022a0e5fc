"""Which tensors to keep: dynamic programming over the execution order.

::

    for node in order                      # state = the kept tensors alive before the node
      for state, for output kept or not    # if all that is alive then, and the node beside it, fits
        cost += node(inputs kept, output kept, bytes left)
        drop what this node reads last

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
    """What a node costs; fewer bytes come first."""

    dram_bytes: int
    cycles: int


# (node, tensors alive in the scratchpad while it runs, bytes they leave) -> its cost, or None: none fits.
NodeCost = Callable[[int, frozenset[str], int], Cost | None]


@dataclass(frozen=True, slots=True)
class Choice:
    """The tensors to keep, and what the network costs then."""

    kept: frozenset[str]
    cost: Cost


def best_kept(
    nodes: int,
    lives: Collection[Life],
    capacity_bytes: int,
    cost: NodeCost,
    wanted: frozenset[str] = frozenset(),
    most_states: int = MOST_STATES,
) -> Choice | int:
    """The choice of fewest DRAM bytes; of equal ones the fastest.

    Parameters
    ----------
    nodes : how many run
    lives : tensors that can be kept
    wanted : tensors that must be kept

    Returns
    -------
    The choice, or the node at which no choice fits.
    """
    size = {life.tensor: life.bytes for life in lives}
    written = {life.first: life.tensor for life in lives}
    read_last: list[set[str]] = [set() for _ in range(nodes)]
    for life in lives:
        read_last[life.last].add(life.tensor)
    states: dict[frozenset[str], tuple[Cost, frozenset[str]]] = {frozenset(): (Cost(0, 0), frozenset())}
    for node in range(nodes):
        after: dict[frozenset[str], tuple[Cost, frozenset[str]]] = {}
        for alive, (so_far, kept) in states.items():
            for output in _outputs(written.get(node), wanted):
                held = alive | output
                left = capacity_bytes - sum(size[name] for name in held)
                found = cost(node, held, left) if left >= 0 else None
                if found is None:
                    continue
                total = Cost(so_far.dram_bytes + found.dram_bytes, so_far.cycles + found.cycles)
                state = frozenset(held - read_last[node])
                if state not in after or total < after[state][0]:
                    after[state] = total, kept | output
        if not after:
            return node
        states = _cheapest(after, most_states)
    (total, kept) = min(states.values(), key=lambda reached: reached[0])
    return Choice(kept, total)


def _outputs(tensor: str | None, wanted: frozenset[str]) -> Sequence[frozenset[str]]:
    """What a node may add to the scratchpad."""
    if tensor is None:
        return (frozenset(),)
    kept = frozenset((tensor,))
    return (kept,) if tensor in wanted else (frozenset(), kept)


def _cheapest(
    states: dict[frozenset[str], tuple[Cost, frozenset[str]]], most: int
) -> dict[frozenset[str], tuple[Cost, frozenset[str]]]:
    if len(states) <= most:
        return states
    ranked = sorted(states, key=lambda state: (bool(state), states[state][0], sorted(state)))
    return {state: states[state] for state in ranked[:most]}
