"""What nodes cost, given what they find in the scratchpad and how many bytes are left.

DRAM bytes are exact; cycles and energy are the mapper's predictions.
"""

from collections.abc import Callable, Sequence

from accelsim.energy import action_counts, price
from accelsim.energy.table import EnergyTable
from accelsim.errors import PlanError
from accelsim.hardware import Accelerator
from accelsim.mapper.search import checked
from accelsim.network import LayerNode
from accelsim.plan import Objective
from accelsim.schedule.chain import CutCost, cut_costs
from accelsim.schedule.keep_search import Cost, Span
from accelsim.schedule.ladder import Ladder, Rung
from accelsim.schedule.lives import Node
from accelsim.schedule.operation_traffic import operation_traffic
from accelsim.schedule.planning import BY_ENERGY, LayerInput, ladder, planned
from accelsim.schedule.reused import with_kept
from accelsim.schedule.weighing import no_dearer
from accelsim.trace import NetworkTrace

LayerInputs = Callable[[LayerNode], LayerInput]


class Costs:
    """Costs of the nodes of one run, alone and in chains.

    Parameters
    ----------
    nodes : those that run, in execution order
    inputs : prepares a layer; once, and it is held as long as this is
    """

    def __init__(
        self,
        trace: NetworkTrace,
        nodes: Sequence[Node],
        chip: Accelerator,
        inputs: LayerInputs,
        objective: Objective,
        table: EnergyTable,
    ) -> None:
        self.trace, self.nodes, self.chip = trace, nodes, chip
        self.objective, self.table = objective, table
        self._prepare = inputs
        self._inputs: dict[int, LayerInput] = {}
        self._ladders: dict[tuple[int, bool, bool], Ladder] = {}
        self._operations: dict[tuple[int, frozenset[str]], Cost] = {}
        self._cuts: dict[tuple[Span, bool, bool], list[CutCost]] = {}

    def at(self, span: Span, held: frozenset[str], left: int) -> Cost | None:
        """Cost of a node or a chain; None if it does not fit."""
        if span[1] - span[0] > 1:
            cut = self.cut(span, held, left)
            return None if cut is None else cut.cost
        index, node = span[0], self.nodes[span[0]]
        if isinstance(node, LayerNode):
            rung = self._ladder(index, node, held).at(left)
            return None if rung is None else _cost(rung)
        key = index, held & {*node.inputs, node.output}
        if key not in self._operations:
            moved = operation_traffic(self.trace, node, self.chip, key[1])
            energy = 0.0
            if self.objective in BY_ENERGY:
                rows = price(action_counts(moved.counts(), self.chip), self.chip, self.table)
                energy = sum(row.pj for row in rows)
            self._operations[key] = Cost(moved.read + moved.written, moved.cycles, energy)
        return self._operations[key]

    def unkept(self, index: int) -> int:
        """DRAM bytes of a node if nothing is kept; raises PlanError if it does not fit then."""
        cost = self.at((index, index + 1), frozenset(), self.chip.scratchpad.capacity_bytes)
        node = self.nodes[index]
        if cost is None:
            assert isinstance(node, LayerNode)
            given = self.input(index)
            plan = given.best((False, False), self.chip)
            checked(plan, node.layer, self.chip, given.sizes)
            raise PlanError(f"{node.layer.name}: no plan fits")
        return cost.dram_bytes

    def plan(self, index: int, held: frozenset[str], left: int) -> Rung | None:
        """The plan of a layer, searched again for the very bytes that are left: not one that costs more."""
        node = self.nodes[index]
        if not isinstance(node, LayerNode):
            return None
        rung = self._ladder(index, node, held).at(left)
        if not held or rung is None:
            return rung
        given = self.input(index)
        sizes = with_kept(given.sizes, node.input in held, node.output in held)
        exact = planned(given, sizes, self.chip, left)
        if exact is None or not no_dearer(_cost(exact), _cost(rung), self.objective, self.chip):
            return rung
        return exact

    def cut(self, span: Span, held: frozenset[str], left: int) -> CutCost | None:
        """The cut of a chain that costs least among those that fit."""
        first, end = span
        begin = self.nodes[first]
        assert isinstance(begin, LayerNode)
        key = span, begin.input in held, self.nodes[end - 1].output in held
        if key not in self._cuts:
            inputs = [self.input(index) for index in range(first, end)]
            self._cuts[key] = cut_costs(inputs, self.chip, *key[1:], self.objective)
        return next((cut for cut in self._cuts[key] if cut.live_bytes <= left), None)

    def input(self, index: int) -> LayerInput:
        """A layer, prepared."""
        if index not in self._inputs:
            node = self.nodes[index]
            assert isinstance(node, LayerNode)
            self._inputs[index] = self._prepare(node)
        return self._inputs[index]

    def _ladder(self, index: int, node: LayerNode, held: frozenset[str]) -> Ladder:
        key = index, node.input in held, node.output in held
        if key not in self._ladders:
            given = self.input(index)
            self._ladders[key] = ladder(given, with_kept(given.sizes, *key[1:]), self.chip)
        return self._ladders[key]


def _cost(rung: Rung) -> Cost:
    return Cost(rung.dram_bytes, rung.cycles, rung.energy_pj)
