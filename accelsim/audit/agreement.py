"""The functional datapath against the tensors that another program computed and the trace holds."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np

from accelsim.audit.outputs import compare_tensors
from accelsim.datapath.operations import run_operation
from accelsim.datapath.requantise import layer_outputs
from accelsim.hardware.arrays import ZeroPolicy
from accelsim.network import LayerNode, Operation
from accelsim.trace import NetworkTrace, node_name


@dataclass(frozen=True, slots=True)
class Agreement:
    """One node's outputs: elements compared, the share that is equal, the largest difference in steps."""

    node: str
    kind: str
    elements: int
    equal_fraction: float
    largest_difference: int


def compare_with_captured(
    trace: NetworkTrace,
    weight_policy: ZeroPolicy = "skip",
    activation_policy: ZeroPolicy = "skip",
    *,
    threads: int = 1,
) -> list[Agreement]:
    """Compute every node from its captured inputs, and compare with its captured outputs.

    Nodes whose outputs the trace does not hold are left out, and functions, which the datapath does not
    compute. Products of two activations are compared for each input on its own.

    Parameters
    ----------
    weight_policy, activation_policy : which pairs the datapath multiplies; no policy changes a result

    Raises
    ------
    DatapathError
        If a sum overflows 32 bits.
    """
    jobs: Sequence[Callable[[], Agreement]] = [
        partial(_compare, trace, node, weight_policy, activation_policy)
        for node in trace.network.nodes
        if node.output in trace.tensors and not (isinstance(node, Operation) and node.kind == "function")
    ]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda job: job(), jobs))


def _compare(
    trace: NetworkTrace,
    node: LayerNode | Operation,
    weight_policy: ZeroPolicy,
    activation_policy: ZeroPolicy,
) -> Agreement:
    theirs = trace.tensors[node.output]
    if isinstance(node, LayerNode):
        kind: str = node.layer.kind
        parts = [trace]
        if node.second:
            parts = [trace.select_input(i) for i in range(trace.inputs_count)]
        layers = [part.layer(node.layer.name) for part in parts]
        ours = np.concatenate([layer_outputs(layer, weight_policy, activation_policy) for layer in layers])
    else:
        kind = node.kind
        infos = trace.network.tensors
        ours = run_operation(
            node,
            [trace.tensors[name] for name in node.inputs],
            [infos[name] for name in node.inputs],
            infos[node.output],
        )
    equal, largest = compare_tensors(ours, theirs)
    return Agreement(node_name(node), kind, theirs.size, equal, largest)
