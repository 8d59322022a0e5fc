"""The way of the outputs of `inner_join` from the accumulators to the postprocessor.

::

    accumulators of part 0 --+
    accumulators of part 1 --+--[]--+
    accumulators of part 2 --+      +--[]-->     # a register behind each level; an odd sum passes
    accumulators of part 3 --+--[]--+

In each cycle the drain reads all parts of some outputs, and each level of adders hands on its sums.
"""

from collections import deque


def level_additions(parts: int) -> list[int]:
    """Additions that an output takes on each level: neighbours are added until one sum is left."""
    levels = []
    while parts > 1:
        levels.append(parts // 2)
        parts -= parts // 2
    return levels


class AdderTree:
    """Outputs on their way through the levels."""

    def __init__(self, parts: int) -> None:
        self._additions = level_additions(parts)
        self._entering = deque([0] * len(self._additions))  # outputs whose sums enter each level

    @property
    def busy(self) -> bool:
        """Whether an output has still to pass a level."""
        return any(self._entering)

    def step(self, outputs: int) -> int:
        """Spend a cycle: every level adds, and `outputs` read in it stand before the first level.

        Returns
        -------
        int, the additions of this cycle
        """
        added = sum(
            count * additions for count, additions in zip(self._entering, self._additions, strict=True)
        )
        if self._entering:
            self._entering.pop()
            self._entering.appendleft(outputs)
        return added


class Drain:
    """Reads the sets of a domain in order, each when all its PEs have ended it.

    Parameters
    ----------
    set_outputs : outputs of each set
    parts : partial sums of each output
    outputs_per_cycle : int

    Attributes
    ----------
    drained_sets : int, sets that have left the accumulators
    """

    def __init__(self, set_outputs: list[int], parts: int, outputs_per_cycle: int) -> None:
        self._outputs_left = list(set_outputs)
        self._outputs_per_cycle = outputs_per_cycle
        self._tree = AdderTree(parts)
        self.drained_sets = 0

    @property
    def drained(self) -> bool:
        """Whether the outputs of all sets have left the accumulators."""
        return self.drained_sets == len(self._outputs_left)

    @property
    def adding(self) -> bool:
        """Whether the adders still hold outputs."""
        return self._tree.busy

    def finish(self) -> None:
        """The edge at which a cycle begins: the accumulators of a set that has been read are free."""
        if not self.drained and self._outputs_left[self.drained_sets] == 0:
            self.drained_sets += 1

    def step(self, *, set_ended: bool) -> int:
        """Spend a cycle: read the oldest set if all PEs have ended it, and add parts.

        Returns
        -------
        int, the additions of this cycle
        """
        outputs = 0
        if set_ended:
            outputs = min(self._outputs_left[self.drained_sets], self._outputs_per_cycle)
            self._outputs_left[self.drained_sets] -= outputs
        return self._tree.step(outputs)
