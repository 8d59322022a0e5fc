"""What stays in the scratchpad between layers: decided before anything runs, from encoded sizes alone.

::

    sizes of tensors, plans of layers, cuts of chains  ->  keep_search
        ->  per node: what is kept, what is left, its plan; per chain its cut

docs/between_layers.md describes the rules.
"""

from collections.abc import Mapping, Sequence

from accelsim.energy.table import EnergyTable
from accelsim.errors import InputError
from accelsim.hardware import Accelerator
from accelsim.plan import Fixed, Objective, Plan
from accelsim.schedule.chain import LEAST_SHARE, CutCost, chain_ends
from accelsim.schedule.costs import Costs, LayerInputs
from accelsim.schedule.held import BetweenLayers, Held, Schedule
from accelsim.schedule.keep_search import Choice, Span, Weigh, best_kept
from accelsim.schedule.lives import Life, Node, lives, may_stay, refusal
from accelsim.schedule.weighing import least_product, weigh_of
from accelsim.trace import NetworkTrace
from accelsim.trace.graph import node_inputs, node_name


def keep_schedule(
    trace: NetworkTrace,
    nodes: Sequence[Node],
    chip: Accelerator,
    inputs: LayerInputs,
    between: BetweenLayers,
    *,
    plans: Mapping[str, Plan | Fixed],
    left_out: Mapping[str, str],
    objective: Objective,
    table: EnergyTable,
) -> Schedule:
    """Choose what to keep and to fuse by the run's objective; plan layers for what is left.

    Parameters
    ----------
    nodes : those that run, in execution order
    inputs : prepares a layer
    between : its mode is not `dram`
    plans : that a user fixed, by layer
    objective : what the network has least of, as predicted
    table : prices of energy

    Raises
    ------
    InputError
        If a tensor cannot be kept, or a chain not be fused, that must be; says why.
    PlanError
        If a layer does not fit though nothing is kept.
    """
    capacity = chip.scratchpad.capacity_bytes
    sizes = may_stay(trace, chip, left_out)
    found = lives(nodes, sizes, capacity)
    for name in between.keep:
        if name not in found:
            raise InputError(f"keep {name!r}: {refusal(name, trace, chip, left_out)}")
    ends = [[index + 1] for index in range(len(nodes))]
    if between.mode == "fuse":
        ends = chain_ends(nodes, sizes, capacity // LEAST_SHARE, plans)
        for chain in between.fuse:
            _only(chain, nodes, ends, chain_ends(nodes, sizes, 0, plans))
    costs = Costs(trace, nodes, chip, inputs, objective, table)
    unkept = [costs.unkept(index) for index in range(len(nodes))]

    def search(weigh: Weigh) -> Choice | int:
        return best_kept(ends, found.values(), capacity, costs.at, weigh, frozenset(between.keep))

    choice = least_product(search) if objective == "edp" else search(weigh_of(objective, chip))
    if not isinstance(choice, Choice):
        raise InputError(_too_much(choice, nodes, found, between, capacity))
    kept = tuple(found[node.output] for node in nodes if node.output in choice.kept)
    held: dict[str, Held] = {}
    for span in choice.spans:
        held |= _held(span, nodes, kept, costs, unkept)
    return Schedule(kept, choice.spans, held)


def _only(
    chain: tuple[str, ...], nodes: Sequence[Node], ends: list[list[int]], chains: Sequence[Sequence[int]]
) -> None:
    """Leave no other way through `ends` than over this chain."""
    names, told = [node_name(node) for node in nodes], "+".join(chain)
    if unknown := [name for name in chain if name not in names]:
        raise InputError(f"fuse {told}: no layer {unknown[0]!r} runs")
    first = names.index(chain[0])
    end = first + len(chain)
    if tuple(names[first:end]) != chain or end not in chains[first] or end == first + 1:
        raise InputError(
            f"fuse {told}: a chain is two or three convolutions, each followed at once by the only reader of "
            "its output, which is no output of the network; none has a plan of its own"
        )
    for start in range(end):
        ends[start] = [to for to in ends[start] if to <= first] if start != first else [end]


def _held(
    span: Span, nodes: Sequence[Node], kept: tuple[Life, ...], costs: Costs, unkept: Sequence[int]
) -> dict[str, Held]:
    """What each node of a span finds."""
    first, end = span
    alive = {life.tensor: life.bytes for life in kept if life.first < end and life.last >= first}
    held, names = sum(alive.values()), frozenset(alive)
    left = costs.chip.scratchpad.capacity_bytes - held
    cut = costs.cut(span, names, left) if end - first > 1 else None
    found = {}
    for place, node in enumerate(nodes[first:end]):
        read = {name for name in node_inputs(node) if name in alive}
        plan, moved = _alone(first, names, left, costs) if cut is None else _fused(cut, place)
        found[node_name(node)] = Held(
            held_bytes=held,
            kept=names & {*read, node.output},
            kept_in_bytes=sum(alive[name] for name in read),
            kept_out_bytes=alive.get(node.output, 0),
            plan=plan,
            cut=None if cut is None else cut.cut,
            unkept_dram_bytes=unkept[first + place],
            dram_bytes=moved,
        )
    return found


def _alone(index: int, held: frozenset[str], left: int, costs: Costs) -> tuple[Plan | None, int]:
    """The plan of a node, if it is a layer, and what it moves."""
    rung, cost = costs.plan(index, held, left), costs.at((index, index + 1), held, left)
    assert cost is not None
    return (None, cost.dram_bytes) if rung is None else (rung.plan, rung.dram_bytes)


def _fused(cut: CutCost, place: int) -> tuple[Plan | None, int]:
    return cut.cut.plans[place], cut.dram_bytes[place]


def _too_much(
    index: int, nodes: Sequence[Node], found: Mapping[str, Life], between: BetweenLayers, capacity: int
) -> str:
    """Why no choice goes on from a node."""
    alive = [found[name] for name in between.keep if found[name].first <= index <= found[name].last]
    name = node_name(nodes[index])
    asked = [f"keep {life.tensor!r} ({life.bytes} bytes)" for life in alive]
    asked += [f"fuse {'+'.join(chain)}" for chain in between.fuse if chain[0] == name]
    return (
        f"{', '.join(asked)}: {name} does not fit in what is left, "
        f"{capacity - sum(life.bytes for life in alive)} bytes of the scratchpad of {capacity}"
    )
