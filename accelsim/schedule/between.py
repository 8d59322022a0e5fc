"""What stays in the scratchpad between layers: decided before anything runs, from encoded sizes alone.

::

    sizes of tensors, plans of layers  ->  keep_search  ->  per node: what it keeps, what is left, its plan

docs/between_layers.md describes the rules.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from accelsim.errors import AuditError, InputError, PlanError
from accelsim.hardware import Accelerator
from accelsim.mapper.search import best_plan, checked
from accelsim.network import LayerNode
from accelsim.plan import Plan
from accelsim.results import KeptTensor
from accelsim.schedule.keep_search import Choice, Cost, best_kept
from accelsim.schedule.ladder import Ladder, Rung
from accelsim.schedule.lives import Life, Node, lives, refusal
from accelsim.schedule.operation_traffic import operation_traffic
from accelsim.schedule.planning import LayerInput, ladder, planned, with_kept
from accelsim.trace import NetworkTrace
from accelsim.trace.graph import node_inputs, node_name

MODES = ("dram", "keep")


@dataclass(frozen=True, slots=True)
class BetweenLayers:
    """What becomes of tensors between layers: all go to DRAM and back, or some stay in the scratchpad.

    Attributes
    ----------
    mode : `dram` or `keep`
    keep : tensors that must be kept, whatever it costs
    """

    mode: str = "dram"
    keep: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Raise InputError unless the words are known and do not contradict each other."""
        if self.mode not in MODES:
            raise InputError(f"between_layers must be one of {', '.join(MODES)}, not {self.mode!r}")
        if self.mode == "dram" and self.keep:
            raise InputError(f"keep {self.keep[0]!r}: between_layers is 'dram', which keeps nothing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the scratchpad holds while a node runs, beside what the node itself reserves.

    Attributes
    ----------
    held_bytes : of all kept tensors alive then, the node's own included
    kept : of the node's tensors, those that are kept
    kept_in_bytes, kept_out_bytes : their bytes
    plan : of a layer, chosen for the bytes that are left; None: none chosen yet
    unkept_dram_bytes : what the node moves if nothing is kept; None: nothing was asked
    dram_bytes : what it moves so
    """

    held_bytes: int = 0
    kept: frozenset[str] = frozenset()
    kept_in_bytes: int = 0
    kept_out_bytes: int = 0
    plan: Plan | None = None
    unkept_dram_bytes: int | None = None
    dram_bytes: int | None = None

    def saved(self, node: str, moved_bytes: int) -> int:
        """DRAM bytes that keeping spares a node that moved so many; less than 0: it moves more.

        Raises
        ------
        AuditError
            If it did not move what was predicted when the tensors to keep were chosen.
        """
        if self.unkept_dram_bytes is None:
            return 0
        if moved_bytes != self.dram_bytes:
            raise AuditError(f"{node}: {moved_bytes} bytes moved in DRAM, {self.dram_bytes} were predicted")
        return self.unkept_dram_bytes - moved_bytes


@dataclass(frozen=True, slots=True)
class Schedule:
    """The kept tensors of one run, and what each node finds, by its name."""

    lives: tuple[Life, ...] = ()
    nodes: Mapping[str, Held] = field(default_factory=dict)

    def at(self, node: Node) -> Held:
        """What a node finds; nothing is kept around nodes that are not named."""
        return self.nodes.get(node_name(node), Held())

    def kept(self, index: int, nodes: Sequence[Node]) -> list[KeptTensor]:
        """The kept tensors for people; `nodes` are those that ran for input `index`."""
        names = [node_name(node) for node in nodes]
        return [
            KeptTensor(
                input=index,
                tensor=life.tensor,
                bytes=life.bytes,
                written_by=names[life.first],
                read_last_by=names[life.last],
            )
            for life in self.lives
        ]


LayerInputs = Callable[[LayerNode], LayerInput]


class _Costs:
    """Costs of the nodes of one run; a layer's tensors are encoded once, when it is its turn."""

    def __init__(
        self,
        trace: NetworkTrace,
        nodes: Sequence[Node],
        chip: Accelerator,
        inputs: LayerInputs,
        plans: Mapping[str, Plan],
    ) -> None:
        self.trace, self.nodes, self.chip = trace, nodes, chip
        self._inputs, self._plans = inputs, plans
        self._layer: tuple[int, LayerInput] | None = None
        self._ladders: dict[tuple[int, bool, bool], Ladder] = {}
        self._operations: dict[tuple[int, frozenset[str]], Cost] = {}

    def at(self, index: int, held: frozenset[str], left: int) -> Cost | None:
        node = self.nodes[index]
        if isinstance(node, LayerNode):
            rung = self._ladder(index, held).at(left)
            return None if rung is None else Cost(rung.dram_bytes, rung.cycles)
        key = index, held & {*node.inputs, node.output}
        if key not in self._operations:
            moved = operation_traffic(self.trace, node, self.chip, key[1])
            self._operations[key] = Cost(moved.read + moved.written, moved.cycles)
        return self._operations[key]

    def plan(self, index: int, held: frozenset[str], left: int) -> Rung | None:
        """The plan of a layer, searched again for the very bytes that are left: not one that moves more."""
        node = self.nodes[index]
        if not isinstance(node, LayerNode):
            return None
        rung = self._ladder(index, held).at(left)
        if not held or rung is None:
            return rung
        given = self.input(index)
        sizes = with_kept(given.sizes, node.input in held, node.output in held)
        exact = planned(given, sizes, self.chip, self._plans.get(node.layer.name), left)
        return exact if exact is not None and exact.dram_bytes <= rung.dram_bytes else rung

    def input(self, index: int) -> LayerInput:
        node = self.nodes[index]
        assert isinstance(node, LayerNode)
        if self._layer is None or self._layer[0] != index:
            self._layer = index, self._inputs(node)
        return self._layer[1]

    def _ladder(self, index: int, held: frozenset[str]) -> Ladder:
        node = self.nodes[index]
        assert isinstance(node, LayerNode)
        key = index, node.input in held, node.output in held
        if key not in self._ladders:
            given = self.input(index)
            plan = self._plans.get(node.layer.name)
            self._ladders[key] = ladder(given, with_kept(given.sizes, *key[1:]), self.chip, plan)
        return self._ladders[key]

    def check_unkept(self, index: int) -> None:
        """Raise PlanError if a layer does not fit though nothing is kept."""
        node, whole = self.nodes[index], self.chip.scratchpad.capacity_bytes
        if isinstance(node, LayerNode) and self.at(index, frozenset(), whole) is None:
            given, plan = self.input(index), self._plans.get(node.layer.name)
            if plan is None:
                plan = best_plan(given.prepared, given.sizes, self.chip).plan
            checked(plan, node.layer, self.chip, given.sizes)
            raise PlanError(f"{node.layer.name}: no plan fits")


def keep_schedule(
    trace: NetworkTrace,
    nodes: Sequence[Node],
    chip: Accelerator,
    inputs: LayerInputs,
    *,
    plans: Mapping[str, Plan],
    left_out: Mapping[str, str],
    wanted: Sequence[str] = (),
) -> Schedule:
    """Choose the tensors to keep so that the fewest bytes move in DRAM; plan every layer for what is left.

    Parameters
    ----------
    nodes : those that run, in execution order
    inputs : prepares a layer
    plans : that a user fixed, by layer
    wanted : tensors that must be kept

    Raises
    ------
    InputError
        If a wanted tensor cannot be kept; says why.
    PlanError
        If a layer does not fit though nothing is kept.
    """
    found = lives(trace, nodes, chip, left_out)
    for name in wanted:
        if name not in found:
            raise InputError(f"keep {name!r}: {refusal(name, trace, chip, left_out)}")
    costs = _Costs(trace, nodes, chip, inputs, plans)
    capacity = chip.scratchpad.capacity_bytes
    unkept = []
    for index in range(len(nodes)):
        costs.check_unkept(index)
        unkept.append(costs.at(index, frozenset(), capacity))
    choice = best_kept(len(nodes), found.values(), capacity, costs.at, frozenset(wanted))
    if not isinstance(choice, Choice):
        raise InputError(_too_much(choice, nodes, found, wanted, capacity))
    kept = tuple(found[node.output] for node in nodes if node.output in choice.kept)
    return Schedule(kept, _nodes(nodes, kept, capacity, costs, unkept))


def _nodes(
    nodes: Sequence[Node], kept: tuple[Life, ...], capacity: int, costs: _Costs, unkept: Sequence[Cost | None]
) -> dict[str, Held]:
    found = {}
    size = {life.tensor: life.bytes for life in kept}
    for index, node in enumerate(nodes):
        alive = frozenset(life.tensor for life in kept if life.first <= index <= life.last)
        held = sum(size[name] for name in alive)
        rung, cost, before = (
            costs.plan(index, alive, capacity - held),
            costs.at(index, alive, capacity - held),
            unkept[index],
        )
        assert cost is not None
        assert before is not None
        read = {name for name in node_inputs(node) if name in alive}
        found[node_name(node)] = Held(
            held_bytes=held,
            kept=alive & {*read, node.output},
            kept_in_bytes=sum(size[name] for name in read),
            kept_out_bytes=size[node.output] if node.output in alive else 0,
            plan=None if rung is None else rung.plan,
            unkept_dram_bytes=before.dram_bytes,
            dram_bytes=cost.dram_bytes if rung is None else rung.dram_bytes,
        )
    return found


def _too_much(
    index: int, nodes: Sequence[Node], found: Mapping[str, Life], wanted: Sequence[str], capacity: int
) -> str:
    alive = [found[name] for name in wanted if found[name].first <= index <= found[name].last]
    told = ", ".join(f"{life.tensor!r} ({life.bytes} bytes)" for life in alive)
    return (
        f"keep {told}: {node_name(nodes[index])} does not fit in what is left, "
        f"{capacity - sum(life.bytes for life in alive)} bytes of the scratchpad of {capacity}"
    )
