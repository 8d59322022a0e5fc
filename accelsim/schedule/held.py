"""What stays between layers, as a user asks for it, and as it was decided."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from accelsim.errors import AuditError, InputError
from accelsim.plan import Plan
from accelsim.results import KeptTensor
from accelsim.schedule.chain import Cut
from accelsim.schedule.lives import Life, Node
from accelsim.trace.graph import node_name

MODES = ("dram", "keep", "fuse")


@dataclass(frozen=True, slots=True)
class BetweenLayers:
    """What becomes of tensors between layers: all go to DRAM and back, or some stay in the scratchpad.

    Attributes
    ----------
    mode : `dram`; `keep`; `fuse`: as `keep`, and chains of convolutions run band by band where that pays
    keep : tensors that must be kept, whatever it costs
    fuse : chains of layers that must be fused, each named in order
    """

    mode: str = "dram"
    keep: tuple[str, ...] = ()
    fuse: tuple[tuple[str, ...], ...] = ()

    def __post_init__(self) -> None:
        """Raise InputError unless the words are known and do not contradict each other."""
        if self.mode not in MODES:
            raise InputError(f"between_layers must be one of {', '.join(MODES)}, not {self.mode!r}")
        if self.mode == "dram" and self.keep:
            raise InputError(f"keep {self.keep[0]!r}: between_layers is 'dram', which keeps nothing")
        if self.mode != "fuse" and self.fuse:
            raise InputError(f"fuse {'+'.join(self.fuse[0])}: between_layers is {self.mode!r}, not 'fuse'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the scratchpad holds while a node runs, beside what the node itself reserves.

    Attributes
    ----------
    held_bytes : of all kept tensors alive then, the node's own included
    kept : of the node's tensors, those that are kept
    kept_in_bytes, kept_out_bytes : their bytes
    plan : of a layer, chosen for the bytes that are left; None: none chosen yet
    cut : of a chain of fused layers that begins here
    unkept_dram_bytes : what the node moves if nothing is kept; None: nothing was asked
    dram_bytes : what it moves so
    """

    held_bytes: int = 0
    kept: frozenset[str] = frozenset()
    kept_in_bytes: int = 0
    kept_out_bytes: int = 0
    plan: Plan | None = None
    cut: Cut | None = None
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
    """The kept tensors of one run, what each node finds, by its name, and the nodes that run as one."""

    lives: tuple[Life, ...] = ()
    spans: tuple[tuple[int, int], ...] | None = None
    nodes: Mapping[str, Held] = field(default_factory=dict)

    def at(self, node: Node) -> Held:
        """What a node finds; nothing is kept around nodes that are not named."""
        return self.nodes.get(node_name(node), Held())

    def steps(self, nodes: Sequence[Node]) -> list[list[Node]]:
        """The nodes in execution order, fused ones together."""
        if self.spans is None:
            return [[node] for node in nodes]
        return [list(nodes[first:end]) for first, end in self.spans]

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
