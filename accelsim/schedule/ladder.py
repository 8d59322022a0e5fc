"""A layer's plans for falling capacities, each searched once: what kept tensors leave of the scratchpad.

A plan for fewer bytes fits wherever more are left. Capacities are rounded down to a ladder of steps of 1/16,
so that the choice of kept tensors asks for few searches; where no plan fits on the step, the very capacity
is asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass

from accelsim.plan import Plan

_STEP = (15, 16)


@dataclass(frozen=True, slots=True)
class Rung:
    """A plan, the scratchpad bytes it needs, and what it costs."""

    plan: Plan
    live_bytes: int
    dram_bytes: int
    cycles: int
    energy_pj: float = 0.0


class Ladder:
    """Plans of one layer, for one state of its operands.

    Parameters
    ----------
    capacity_bytes : of the whole scratchpad
    search : the best plan for a capacity, or None if none fits
    timed : its cycles count: those that it has with more bytes to prefetch into are no answer
    """

    def __init__(
        self, capacity_bytes: int, search: Callable[[int], Rung | None], timed: bool = False
    ) -> None:
        self._top = capacity_bytes
        self._search = search
        self._timed = timed
        self._found: dict[int, Rung | None] = {}
        self._too_few = -1  # no plan fits in so many bytes

    def at(self, capacity_bytes: int) -> Rung | None:
        """A plan that fits, or None if there is none."""
        larger = () if self._timed else (self._top,)
        for capacity in (*larger, self._step(capacity_bytes), capacity_bytes):
            rung = self._plan(capacity)
            if rung is not None and rung.live_bytes <= capacity_bytes:
                return rung
        return None

    def _step(self, capacity_bytes: int) -> int:
        step = self._top
        while step > capacity_bytes:
            step = step * _STEP[0] // _STEP[1]
        return step

    def _plan(self, capacity_bytes: int) -> Rung | None:
        if capacity_bytes <= self._too_few:
            return None
        if capacity_bytes not in self._found:
            self._found[capacity_bytes] = self._search(capacity_bytes)
            if self._found[capacity_bytes] is None:
                self._too_few = capacity_bytes
        return self._found[capacity_bytes]
