"""Weights that a layer shares with another, and tensors that take the weights' place."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from accelsim.audit.agreement import compare_with_captured
from accelsim.compress.prune import prune_network
from accelsim.datapath.convolution import accumulators
from accelsim.errors import TraceError
from accelsim.network import Layer, LayerNode, Network, TensorInfo
from accelsim.simulation import simulate
from accelsim.trace import LayerParameters, NetworkTrace, describe, read, write

HEADS, ROWS, OTHER, DEPTH = 2, 3, 4, 8


def info(name: str, *shape: int, zero: int = 0) -> TensorInfo:
    return TensorInfo(name=name, shape=shape, dtype="uint8", scale=0.5, zero_point=zero)  # type: ignore[arg-type]


def attention(inputs: int = 1, by_columns: bool = False) -> NetworkTrace:
    """One product of two activations with two heads: rows with rows, or rows with columns."""
    generator = np.random.default_rng(5)
    filters, channels = (DEPTH, OTHER) if by_columns else (OTHER, DEPTH)
    layer = Layer(
        name="product",
        kind="matrix_product",
        batch=inputs,
        input_height=ROWS,
        channels=HEADS * channels,
        filters=HEADS * filters,
        groups=HEADS,
    )
    infos = [
        info("a", inputs, ROWS, 1, HEADS * channels, zero=7),
        info("b", inputs, OTHER, 1, HEADS * DEPTH, zero=9),
        info("y", inputs, ROWS, 1, HEADS * filters),
    ]
    node = LayerNode(layer=layer, input="a", output="y", second="b", second_by_columns=by_columns or None)
    network = Network(
        name="attention", tensors={i.name: i for i in infos}, nodes=(node,), inputs=("a", "b"), outputs=("y",)
    )
    tensors = {i.name: generator.integers(0, 20, i.shape).astype(np.uint8) for i in infos[:2]}
    return NetworkTrace(network, {}, tensors)


@pytest.mark.small
@pytest.mark.parametrize("by_columns", [False, True])
def test_a_second_tensor_takes_the_weights_place_head_by_head(by_columns: bool) -> None:
    trace = attention(by_columns=by_columns)
    a, b = (trace.tensors[n][0, :, 0].astype(int) - z for n, z in (("a", 7), ("b", 9)))
    found = accumulators(trace.layer("product"), "skip", "skip").values[0, :, 0]
    for head in range(HEADS):
        depth = OTHER if by_columns else DEPTH
        left = a[:, head * depth : (head + 1) * depth]
        right = b[:, head * DEPTH : (head + 1) * DEPTH]
        wanted = left @ right if by_columns else left @ right.T
        width = wanted.shape[1]
        np.testing.assert_array_equal(found[:, head * width : (head + 1) * width], wanted)


def test_each_input_has_a_second_tensor_of_its_own(tmp_path: Path) -> None:
    trace = attention(inputs=2)
    with pytest.raises(TraceError, match="select one of the inputs first"):
        trace.layer("product")
    write(trace, tmp_path / "a.safetensors")
    back = read(tmp_path / "a.safetensors")
    assert back.content_hash == trace.content_hash
    result = simulate(back, "both-skip-16x16")
    alone = [simulate(back.select_input(i), "both-skip-16x16") for i in range(2)]
    assert [r.cycles for r in result.layer_results] == [a.layer_results[0].cycles for a in alone]
    assert not np.array_equal(
        back.select_input(0).layer("product").weights, back.select_input(1).layer("product").weights
    )
    assert describe(back)[0]["weights"] == f"{HEADS * OTHER}x1x1x{DEPTH}"


def steps() -> NetworkTrace:
    generator = np.random.default_rng(6)
    first = Layer(name="step0", kind="fully_connected", channels=16, filters=16)
    nodes = (
        LayerNode(layer=first, input="x", output="h0"),
        LayerNode(layer=replace(first, name="step1"), input="h0", output="h1", parameters_of="step0"),
    )
    infos = [info(n, 1, 1, 1, 16) for n in ("x", "h0", "h1")]
    given = LayerParameters(
        weights=generator.integers(-20, 20, (16, 1, 1, 16)).astype(np.int8),
        weight_zero_points=np.zeros(16, np.int32),
        weight_scales=np.full(16, 0.01, np.float32),
    )
    tensors = {n: generator.integers(0, 200, (1, 1, 1, 16)).astype(np.uint8) for n in ("x", "h0")}
    network = Network(
        name="steps", tensors={i.name: i for i in infos}, nodes=nodes, inputs=("x",), outputs=("h1",)
    )
    return NetworkTrace(network, {"step0": given}, tensors)


@pytest.mark.small
def test_shared_weights_are_stored_and_pruned_once(tmp_path: Path) -> None:
    trace = steps()
    assert trace.weighted_layers == ("step0",)
    assert sorted(trace.checksums) == [
        "layer/step0/weight_scales", "layer/step0/weight_zero_points", "layer/step0/weights", "tensor/h0", "tensor/x",
    ]  # fmt: skip
    write(trace, tmp_path / "s.safetensors")
    back = read(tmp_path / "s.safetensors")
    pruned = prune_network(back, 0.25)
    assert np.count_nonzero(pruned.layer("step1").weights) == 64
    np.testing.assert_array_equal(pruned.layer("step0").weights, pruned.layer("step1").weights)


def test_a_shared_layer_is_simulated_with_its_own_activations() -> None:
    trace = steps()
    both = simulate(trace, "both-skip-16x16").layer_results
    assert [r.name for r in both] == ["step0", "step1"]
    assert both[0].weight_density_fraction == both[1].weight_density_fraction
    assert len(compare_with_captured(trace)) == 1


@pytest.mark.small
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parameters_of": "step1"}, "cannot share the parameters of 'step1'"),
        ({"parameters_of": "none"}, "cannot share the parameters of 'none'"),
        ({"parameters_of": "step0", "second": "x"}, "cannot share the parameters"),
        ({"parameters_of": None, "second": "x"}, "a matrix product, and nothing else"),
    ],
)
def test_what_cannot_give_weights_is_refused(change: dict[str, str], words: str) -> None:
    trace = steps()
    nodes = (trace.network.nodes[0], replace(trace.network.nodes[1], **change))
    with pytest.raises(TraceError, match=words):
        NetworkTrace(replace(trace.network, nodes=nodes), trace.parameters, trace.tensors)


@pytest.mark.small
def test_a_second_tensor_of_another_shape_is_refused() -> None:
    trace = attention()
    infos = trace.network.tensors | {"b": info("b", 1, OTHER + 1, 1, HEADS * DEPTH)}
    with pytest.raises(TraceError, match="product takes as weights 'b'"):
        NetworkTrace(replace(trace.network, tensors=infos), {}, trace.tensors)
