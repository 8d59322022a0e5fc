"""Which tensors can stay in the scratchpad between layers, how many bytes they take, and how long they live.

::

    node    0 ... first          ...          last ...       # execution order
    bytes         |-- written by -- read by --|              # held from the first cycle of `first`
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.hardware import Accelerator
from accelsim.mapper.encoded import segment_starts
from accelsim.mapper.segments import segment_bytes
from accelsim.network import LayerNode, Network, Operation
from accelsim.trace import NetworkTrace
from accelsim.trace.graph import node_inputs
from accelsim.units import ceil_div

Node = LayerNode | Operation


@dataclass(frozen=True, slots=True)
class Life:
    """A tensor to keep: its bytes in the scratchpad, and the nodes (by index) that bound its life."""

    tensor: str
    bytes: int
    first: int
    last: int


def held_bytes(tensor: npt.NDArray[np.generic], zero_point: int, chip: Accelerator) -> int:
    """Bytes of a tensor N,H,W,C as the scratchpad holds activations: segments, and a pointer per row."""
    n, h, _, c = tensor.shape
    encoding, bits = chip.encodings.activations, chip.pe_array.activation_bits
    starts = segment_starts(c, c, chip.pe_array.chunk_elements)
    pointers = 0 if encoding == "dense" else n * h * ceil_div(chip.encodings.pointer_bits, 8)
    return int(segment_bytes(tensor.reshape(-1, c), zero_point, starts, bits, encoding)[0].sum()) + pointers


def must_move(network: Network, chip: Accelerator, left_out: Mapping[str, str]) -> dict[str, str]:
    """Tensors that have to be in DRAM, each with the reason in words."""
    read = {name for node in network.nodes for name in node_inputs(node)}
    reasons = {name: "nothing reads it" for name in network.tensors if name not in read}
    reasons |= dict.fromkeys(network.inputs, "it is an input of the network")
    reasons |= dict.fromkeys(network.outputs, "it is an output of the network")
    for node in network.nodes:
        if isinstance(node, LayerNode):
            if node.second is not None:
                reasons[node.second] = f"{node.layer.name} reads it in place of weights, in their order"
            if node.layer.name in left_out:
                for name in (*node_inputs(node), node.output):
                    reasons[name] = f"{node.layer.name} is left out"
    e = chip.encodings
    if e.outputs != e.activations:
        why = f"{chip.name} holds outputs as {e.outputs} and activations as {e.activations}"
        reasons = dict.fromkeys(network.tensors, why) | reasons
    return reasons


def may_stay(trace: NetworkTrace, chip: Accelerator, left_out: Mapping[str, str]) -> dict[str, int]:
    """Bytes in the scratchpad of the tensors that need not be in DRAM, whether or not they fit.

    Without data a tensor's size is unknown, and it has to go to DRAM.
    """
    reasons = must_move(trace.network, chip, left_out)
    infos = trace.network.tensors
    return {
        name: held_bytes(trace.tensors[name], infos[name].zero_point, chip)
        for name in trace.tensors
        if name not in reasons
    }


def lives(nodes: Sequence[Node], sizes: Mapping[str, int], capacity_bytes: int) -> dict[str, Life]:
    """The tensors that can be kept whole, by name.

    Parameters
    ----------
    nodes : those that run, in execution order
    sizes : as of `may_stay`
    """
    last = {name: i for i, node in enumerate(nodes) for name in node_inputs(node)}
    return {
        node.output: Life(node.output, sizes[node.output], i, last[node.output])
        for i, node in enumerate(nodes)
        if sizes.get(node.output, capacity_bytes + 1) <= capacity_bytes
    }


def refusal(name: str, trace: NetworkTrace, chip: Accelerator, left_out: Mapping[str, str]) -> str:
    """Why a tensor is not among `lives`, in words."""
    if name not in trace.network.tensors:
        return f"{trace.network.name} has no such tensor"
    if reason := must_move(trace.network, chip, left_out).get(name):
        return reason
    if name not in trace.tensors:
        return "the trace does not hold it, so its encoded size is not known"
    size = held_bytes(trace.tensors[name], trace.network.tensors[name].zero_point, chip)
    lacking = size - chip.scratchpad.capacity_bytes
    return f"it takes {size} bytes, {lacking} more than the scratchpad of {chip.scratchpad.capacity_bytes}"
