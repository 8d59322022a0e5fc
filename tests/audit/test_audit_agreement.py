"""The datapath against captured tensors, whose values are computed here by plain loops."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from accelsim.audit.agreement import compare_with_captured
from accelsim.network import Layer, LayerNode, Network, Operation, TensorInfo
from accelsim.trace import LayerParameters, NetworkTrace

IMAGE = (2, 4, 5, 3)
ZERO = 3  # of every tensor; scales are powers of two, so that no rounding is open to doubt
POLICIES = list(product(("compute", "gate", "skip"), repeat=2))


def saturated(values: Any) -> Any:
    return np.clip(np.rint(values) + ZERO, 0, 255).astype(np.uint8)


def convolved(x: Any, weights: Any, bias: Any) -> Any:
    """Sums of a convolution of 3 x 3 taps, stride 1, padded by one zero point."""
    padded = np.pad(x.astype(np.int64) - ZERO, ((0, 0), (1, 1), (1, 1), (0, 0)))
    sums = np.zeros((*x.shape[:3], len(weights)), np.int64) + bias
    for n, p, q, k in np.ndindex(sums.shape):
        sums[n, p, q, k] += (padded[n, p : p + 3, q : q + 3] * weights[k].astype(np.int64)).sum()
    return sums


@pytest.fixture
def trace() -> NetworkTrace:
    """conv -> add to its input -> fully connected, as another program would have captured it."""
    generator = np.random.default_rng(8)
    conv = Layer(
        name="conv", batch=2, input_height=4, input_width=5, channels=3, filters=3, kernel=(3, 3), padding=(1,) * 4
    )  # fmt: skip
    connected = Layer(name="fc", kind="fully_connected", batch=2, channels=60, filters=4)
    x = generator.integers(0, 12, IMAGE).astype(np.uint8)
    w1, w2 = (generator.integers(-3, 4, layer.weight_shape).astype(np.int8) for layer in (conv, connected))
    b1, b2 = (generator.integers(-9, 9, layer.filters).astype(np.int32) for layer in (conv, connected))
    y = np.maximum(saturated(convolved(x, w1, b1) * 0.25), ZERO).astype(np.uint8)
    s = saturated((x.astype(np.int64) - ZERO) + (y.astype(np.int64) - ZERO))
    rows = s.reshape(2, 60).astype(np.int64) - ZERO
    z = saturated((rows @ w2.reshape(4, 60).T.astype(np.int64) + b2) * 0.25).reshape(2, 1, 1, 4)
    tensors = {"x": x, "y": y, "s": s, "z": z}
    network = Network(
        name="small",
        tensors={
            name: TensorInfo(name=name, shape=array.shape, dtype="uint8", scale=0.5, zero_point=ZERO)
            for name, array in tensors.items()
        },
        nodes=(
            LayerNode(layer=conv, input="x", output="y", relu=True),
            Operation(name="sum", kind="add", inputs=("x", "y"), output="s"),
            LayerNode(layer=connected, input="s", output="z"),
        ),
        inputs=("x",),
        outputs=("z",),
    )
    parameters = {
        name: LayerParameters(
            weights=weights,
            weight_zero_points=np.zeros(len(weights), np.int32),
            weight_scales=np.full(len(weights), 0.25, np.float32),
            bias=bias,
        )
        for name, weights, bias in (("conv", w1, b1), ("fc", w2, b2))
    }
    return NetworkTrace(network, parameters, tensors)


def altered(trace: NetworkTrace, **tensors: Any) -> NetworkTrace:
    return NetworkTrace(trace.network, dict(trace.parameters), {**trace.tensors, **tensors})


@pytest.mark.parametrize(("weights", "activations"), POLICIES)
def test_every_policy_computes_what_plain_loops_compute(
    weights: Any, activations: Any, trace: NetworkTrace
) -> None:
    rows = compare_with_captured(trace, weights, activations)
    assert [(row.node, row.kind, row.elements) for row in rows] == [
        ("conv", "convolution", 120),
        ("sum", "add", 120),
        ("fc", "fully_connected", 8),
    ]
    assert [(row.equal_fraction, row.largest_difference) for row in rows] == [(1.0, 0)] * 3


def test_the_captured_tensors_are_no_constants(trace: NetworkTrace) -> None:
    """Or the law above would hold for any arithmetic."""
    for name in "ysz":
        assert len(np.unique(trace.tensors[name])) >= 5


@pytest.mark.parametrize(("count", "difference"), [(1, 1), (7, 5)])
def test_every_altered_element_is_counted_at_its_node_alone(
    count: int, difference: int, trace: NetworkTrace
) -> None:
    changed = trace.tensors["s"].copy()
    changed.flat[:count] += np.uint8(difference)
    rows = compare_with_captured(altered(trace, s=changed))
    assert rows[1].equal_fraction == pytest.approx(1 - count / 120)
    assert rows[1].largest_difference == difference
    assert rows[0].largest_difference == 0  # every node starts from captured inputs: no error travels


def test_a_tensor_that_was_not_captured_is_not_compared(trace: NetworkTrace) -> None:
    kept = {name: array for name, array in trace.tensors.items() if name != "z"}
    rows = compare_with_captured(NetworkTrace(trace.network, dict(trace.parameters), kept))
    assert [row.node for row in rows] == ["conv", "sum"]


def test_threads_change_nothing(trace: NetworkTrace) -> None:
    changed = altered(trace, z=trace.tensors["z"][..., ::-1].copy())
    assert compare_with_captured(changed, threads=3) == compare_with_captured(changed, threads=1)
