"""Every layer of the published networks: what the mapper predicts in DRAM bytes is what the machine moves."""

import pytest

import accelsim
from accelsim.dataflows import DATAFLOWS
from accelsim.hardware import load_hardware
from accelsim.mapper.encoded import encoded_sizes
from accelsim.mapper.search import best_plan
from accelsim.schedule.reused import nonzero_outputs
from accelsim.trace import from_layers
from accelsim.zoo import shape_network, synthetic_layer
from accelsim.zoo.shapes import shape_networks

QUICK = ("mobilenet-v2",)  # the others have large layers


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=() if name in QUICK else pytest.mark.network) for name in shape_networks()],
)
def test_each_layer_of_a_network_moves_the_predicted_bytes(name: str) -> None:
    chip = load_hardware("both-skip-16x16")
    shapes = set()
    for row in shape_network(name).layers:
        layer = row.layer
        shape = (layer.weight_shape, layer.activation_shape, layer.stride, layer.groups, layer.kind)
        if shape in shapes:
            continue
        shapes.add(shape)
        trace = synthetic_layer(layer, row.weight_density_fraction, row.activation_density_fraction)
        (result,) = accelsim.simulate(from_layers(name, [trace]), chip, toggles="off").layer_results
        prepared = DATAFLOWS[chip.dataflow].prepare(trace, chip)
        price = best_plan(prepared, encoded_sizes(trace, chip, nonzero_outputs(trace, 0)[0]), chip)
        assert price.plan == result.plan, layer.name
        assert price.dram_bytes == result.dram_read_bytes + result.dram_write_bytes, layer.name
