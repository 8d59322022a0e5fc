"""Networks by shape whose layers read each other."""

import pytest

from accelsim.audit.agreement import compare_with_captured
from accelsim.errors import InputError
from accelsim.network import Layer, LayerNode
from accelsim.zoo import chained, shape_network_of, synthetic_trace


def toy(*heights: int):
    """Convolutions of 8 channels on maps of these heights."""
    layers = [
        Layer(
            name=f"l{i}",
            input_height=height,
            input_width=height,
            channels=8,
            filters=8,
            kernel=(3, 3),
            padding=(1, 1, 1, 1),
        )
        for i, height in enumerate(heights)
    ]
    return synthetic_trace(shape_network_of("toy", layers, 0.5, 0.5, "given"))


def test_a_layer_reads_what_the_one_before_it_writes_with_pools_where_maps_halve():
    trace = chained(toy(9, 9, 4))
    nodes = [(type(node).__name__, node.output) for node in trace.network.nodes]
    assert nodes == [
        ("LayerNode", "l0"),
        ("LayerNode", "l1"),
        ("Operation", "l1_pool"),
        ("LayerNode", "l2"),
    ]
    reads = {n.layer.name: n.input for n in trace.network.nodes if isinstance(n, LayerNode)}
    assert reads == {"l0": "input", "l1": "l0", "l2": "l1_pool"}


def test_layers_keep_their_tensors_and_pools_give_what_is_read_after_them():
    apart = toy(8, 4)
    trace = chained(apart)
    for name in trace.layers:
        assert (trace.layer(name).activations == apart.layer(name).activations).all()
        assert (trace.layer(name).weights == apart.layer(name).weights).all()
    pool = [row for row in compare_with_captured(trace) if row.kind == "max_pool"]
    assert [row.equal_fraction for row in pool] == [1.0]


def test_shapes_that_do_not_continue_are_refused():
    with pytest.raises(InputError, match="l1 cannot read l0"):
        chained(toy(8, 5))
