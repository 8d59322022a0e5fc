"""A network trace that does not hold together is refused by name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from traces_by_hand import info, network, trace

from accelsim.errors import TraceError
from accelsim.network import Network, Operation
from accelsim.trace import NetworkTrace, describe, from_arrays, from_layers, replace_parameters
from accelsim.trace.graph import check_network


def with_tensor(key: str, /, **changes: Any) -> Callable[[Network], Network]:
    return lambda n: replace(n, tensors=n.tensors | {key: replace(n.tensors[key], **changes)})


def with_node(index: int, **changes: Any) -> Callable[[Network], Network]:
    return lambda n: replace(
        n, nodes=(*n.nodes[:index], replace(n.nodes[index], **changes), *n.nodes[index + 1 :])
    )


def with_layer(index: int, **changes: Any) -> Callable[[Network], Network]:
    return lambda n: with_node(index, layer=replace(n.nodes[index].layer, **changes))(n)  # type: ignore[union-attr]


BROKEN: dict[str, tuple[Callable[[Network], Network], str]] = {
    "no nodes": (lambda n: replace(n, nodes=()), "needs an input and a node"),
    "renamed tensor": (with_tensor("x", name="q"), "tensor 'x' is described as 'q'"),
    "three sizes": (with_tensor("x", shape=(1, 4, 5)), r"must have 4 sizes of at least 1 .* not \(1, 4, 5\)"),
    "no size": (with_tensor("x", shape=(1, 0, 5, 3)), "sizes of at least 1"),
    "float tensor": (with_tensor("x", dtype="float32"), "must be int8 or uint8, not float32"),
    "no scale": (with_tensor("x", scale=0.0), "positive scale, not 0.0"),
    "zero point": (with_tensor("x", zero_point=-1), "zero point of uint8, not -1"),
    "two batches": (with_tensor("z", shape=(2, 1, 1, 2)), "must have one N"),
    "undescribed output": (
        lambda n: replace(n, outputs=("w",)),
        "'w' is an input or output, but not described",
    ),
    "undescribed tensor": (with_node(1, inputs=("x", "w")), "sum: tensor 'w' is not described"),
    "read before written": (
        lambda n: replace(n, nodes=n.nodes[1:]),
        "sum reads 'y' before anything writes it",
    ),
    "written twice": (with_node(1, output="y"), "sum writes 'y', which is an input or written before"),
    "never written": (lambda n: replace(n, nodes=n.nodes[:1]), "output 'z' is never written"),
    "one name twice": (with_node(1, name="conv/a"), "two nodes are named 'conv/a'"),
    "kind": (with_layer(0, kind="recurrent"), "kind must be convolution, fully_connected, matrix_product"),
    "stride": (with_layer(0, stride=(0, 1)), "sizes must be at least 1 and padding at least 0"),
    "groups": (with_layer(0, groups=2), "2 groups do not divide 3 channels and 3 filters"),
    "reads another shape": (with_layer(0, channels=6), "conv/a reads 'x' of shape"),
    "writes another shape": (with_layer(0, filters=6), "conv/a writes 'y' of shape"),
    "addition of one": (with_node(1, inputs=("x",)), "sum: add cannot take 1 inputs"),
    "addition to another shape": (with_tensor("s", shape=(1, 4, 5, 4)), "sum writes 's' of shape"),
    "unknown operation": (with_node(1, kind="softmax", inputs=("x",)), "sum: unknown kind 'softmax'"),
}


@pytest.mark.small
@pytest.mark.parametrize("case", BROKEN)
def test_a_graph_that_does_not_hold_together_is_refused(case: str) -> None:
    change, message = BROKEN[case]
    check_network(network())
    with pytest.raises(TraceError, match=f"small: .*{message}"):
        check_network(change(network()))


@pytest.mark.small
@pytest.mark.parametrize(
    ("operation", "shape"),
    [
        (Operation(name="p", kind="max_pool", inputs=("x",), output="p", kernel=(3, 2), stride=(2, 2)), (1, 1, 2, 3)),
        (Operation(name="p", kind="average_pool", inputs=("x",), output="p", kernel=(3, 3), padding=(1, 1, 1, 1)), (1, 4, 5, 3)),
        (Operation(name="p", kind="global_average_pool", inputs=("x",), output="p"), (1, 1, 1, 3)),
        (Operation(name="p", kind="concatenate", inputs=("x", "x"), output="p"), (1, 4, 5, 6)),
    ],
    ids=lambda value: getattr(value, "kind", ""),
)  # fmt: skip
def test_operations_have_the_shape_their_geometry_gives(operation: Operation, shape: tuple[int, ...]) -> None:
    given = Network(
        name="small",
        tensors={"x": info("x", (1, 4, 5, 3)), "p": info("p", shape)},  # type: ignore[arg-type]
        nodes=(operation,),
        inputs=("x",),
        outputs=("p",),
    )
    check_network(given)
    with pytest.raises(TraceError, match="p writes 'p' of shape"):
        check_network(with_tensor("p", shape=(1, 9, 9, 9))(given))


@pytest.mark.small
@pytest.mark.small
@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (((0, 1), None), "rows of 2 inputs, it reads 1"),
        (((3, 2),), r"'x' has 4 rows, not \(3, 2\)"),
        (((-1, 2),), r"'x' has 4 rows, not \(-1, 2\)"),
        (((1, 0),), r"'x' has 4 rows, not \(1, 0\)"),
    ],
)
def test_a_function_reads_rows_that_are_there(rows: Any, words: str) -> None:
    function = Operation(
        name="f", kind="function", inputs=("x",), output="s", function="Tanh", passes=1, rows=rows
    )
    one = network()
    with pytest.raises(TraceError, match=words):
        check_network(replace(one, nodes=(one.nodes[0], function, one.nodes[2])))
    whole = replace(function, rows=((0, 4),))
    check_network(replace(one, nodes=(one.nodes[0], whole, one.nodes[2])))


def test_arrays_must_be_those_that_the_graph_describes() -> None:
    whole = trace()
    with pytest.raises(TraceError, match=r"tensor 'x' must be uint8 \(1, 4, 5, 3\), not int8"):
        NetworkTrace(
            whole.network, whole.parameters, {**whole.tensors, "x": whole.tensors["x"].view(np.int8)}
        )
    with pytest.raises(TraceError, match="tensor 'w' is not described"):
        NetworkTrace(whole.network, whole.parameters, {**whole.tensors, "w": whole.tensors["x"]})
    with pytest.raises(TraceError, match="layer fc has no weights"):
        NetworkTrace(whole.network, {"conv/a": whole.parameters["conv/a"]}, whole.tensors)
    with pytest.raises(TraceError, match="layer fc has no activations"):
        NetworkTrace(whole.network, whole.parameters, {k: v for k, v in whole.tensors.items() if k != "s"})
    wrong = replace(whole.parameters["fc"], bias=np.zeros(2, np.int64))
    with pytest.raises(TraceError, match="fc: bias must be int32"):
        NetworkTrace(whole.network, {**whole.parameters, "fc": wrong}, whole.tensors)


@pytest.mark.small
def test_outputs_may_be_missing() -> None:
    whole = trace()
    fewer = NetworkTrace(
        whole.network, whole.parameters, {k: v for k, v in whole.tensors.items() if k != "z"}
    )
    assert fewer.layer("fc").outputs is None
    assert whole.layer("fc").outputs is not None


@pytest.mark.small
def test_one_input_of_several_is_a_trace_of_its_own() -> None:
    both = trace(inputs=2)
    second = both.select_input(1)
    assert second.inputs_count == 1
    for name, tensor in second.tensors.items():
        np.testing.assert_array_equal(tensor[0], both.tensors[name][1])
    assert second.layer("conv/a").layer.batch == 1
    with pytest.raises(TraceError, match="no input 2; the trace has 2"):
        both.select_input(2)


@pytest.mark.small
def test_replaced_parameters_are_told_in_order_and_change_the_hash() -> None:
    whole = trace()
    given = replace(whole.parameters["fc"], weights=np.zeros_like(whole.parameters["fc"].weights))
    once = replace_parameters(whole, {"fc": given}, "first")
    twice = replace_parameters(once, {"fc": given}, "second", name="other")
    assert not whole.parameters_replaced
    assert twice.parameters_replaced
    assert twice.network.provenance["parameters"] == "first; second"
    assert (once.network.name, twice.network.name) == ("small", "other")
    assert len({whole.content_hash, once.content_hash, twice.content_hash}) == 3
    np.testing.assert_array_equal(twice.layer("fc").weights, given.weights)
    np.testing.assert_array_equal(twice.layer("conv/a").weights, whole.layer("conv/a").weights)


@pytest.mark.small
def test_layers_without_a_graph_become_a_network() -> None:
    weights, activations = np.ones((4, 3, 3, 2), np.int8), np.ones((1, 5, 5, 2), np.uint8)
    a, b = (from_arrays(weights, activations, name=name) for name in "ab")
    made = from_layers("two", [a, b])
    assert made.layers == ("a", "b")
    assert made.layer("a").outputs is None
    with pytest.raises(TraceError, match=r"(?i)'?a'?"):
        from_layers("two", [a, a])
    with pytest.raises(TraceError, match="two"):
        from_layers("two", [])


@pytest.mark.small
def test_a_description_counts_what_the_arrays_hold() -> None:
    row = describe(trace())[0]
    layer = trace().layer("conv/a")
    assert row["macs"] == 3 * 20 * 27
    assert row["weight_density_fraction"] == round(float((layer.weights != 0).mean()), 4)
    assert row["activation_density_fraction"] == round(float((layer.activations != 3).mean()), 4)
    kept = int((layer.weights != 0).sum() + (layer.activations != 3).sum())
    assert row["bitmask_bytes"] == kept + 27 + 20  # a mask byte per run of 3 channels


@pytest.mark.small
def test_an_unknown_layer_is_named_with_the_known_ones() -> None:
    with pytest.raises(TraceError, match="no layer 'b'; layers: conv/a, fc"):
        trace().layer("b")
