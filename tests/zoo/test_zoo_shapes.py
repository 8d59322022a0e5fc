"""Published networks: shapes against published totals, densities with a source, zeros as stated."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import accelsim
from accelsim import zoo
from accelsim.errors import InputError
from accelsim.network import Layer
from accelsim.zoo import shape_network, shape_networks, synthetic_layer, synthetic_trace
from accelsim.zoo.shapes import sources

NETWORKS = shape_networks()
LAYER = Layer(name="one", input_height=12, input_width=12, channels=256, filters=256)


@pytest.mark.small
@pytest.mark.parametrize("name", NETWORKS)
def test_shapes_add_up_to_the_published_totals(name: str) -> None:
    network = NETWORKS[name]
    weighted = [row.layer for row in network.layers if row.layer.kind != "matrix_product"]
    assert sum(row.layer.dense_macs * row.steps for row in network.layers) == network.macs
    assert sum(int(np.prod(layer.weight_shape)) for layer in weighted) == network.weights


@pytest.mark.small
@pytest.mark.parametrize("name", NETWORKS)
def test_every_density_is_a_share_and_has_a_source(name: str) -> None:
    for row in NETWORKS[name].layers:
        assert 0 < row.weight_density_fraction <= 1
        assert 0 < row.activation_density_fraction <= 1
        assert {row.weight_source, row.activation_source} <= set(sources())


@pytest.mark.small
def test_pruned_networks_have_the_macs_that_their_paper_says() -> None:
    """Han et al., NIPS 2015, Tables 4 and 5: 30 and 21 % of the operations are left; densities of outputs, rounded."""
    for name, published in (("alexnet", 0.30), ("vgg16", 0.21)):
        rows = NETWORKS[name].layers
        left = sum(
            r.layer.dense_macs * r.weight_density_fraction * r.activation_density_fraction for r in rows
        )
        assert left / NETWORKS[name].macs == pytest.approx(published, abs=0.03)


@pytest.mark.small
def test_zeros_are_of_the_stated_density_and_uneven_over_channels() -> None:
    trace = synthetic_layer(LAYER, 0.45, 0.3)
    of_channel = (trace.activations != 0).mean(axis=(0, 1, 2))
    assert of_channel.mean() == pytest.approx(0.3, abs=0.05)
    assert (trace.weights != 0).mean() == pytest.approx(0.45, abs=0.02)
    assert of_channel.std() == pytest.approx(np.sqrt(0.3 * 0.7 / 4.05), abs=0.04)
    even = synthetic_layer(LAYER, 0.45, 0.3, correlated=False)
    assert (even.activations != 0).mean(axis=(0, 1, 2)).std() == pytest.approx(np.sqrt(0.21 / 144), abs=0.01)
    again = synthetic_layer(LAYER, 0.45, 0.3)
    np.testing.assert_array_equal(again.activations, trace.activations)
    assert (synthetic_layer(LAYER, 0.45, 0.3, seed=1).activations != trace.activations).any()
    assert (synthetic_layer(LAYER, 1.0, 0.0).weights != 0).all()
    with pytest.raises(InputError, match=r"one: weight density must be within 0\.\.1, not 1\.5"):
        synthetic_layer(LAYER, 1.5, 0.3)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_runs_end_to_end(name: str) -> None:
    """Its first, costliest and last layers, at the published densities."""
    network = NETWORKS[name]
    costliest = max(
        network.layers[:-1] or network.layers,
        key=lambda row: row.layer.dense_macs if row.layer.dense_macs < 4e8 else 0,
    )
    rows = tuple(dict.fromkeys((network.layers[0], costliest, network.layers[-1])))
    trace = synthetic_trace(replace(network, layers=rows))
    result = accelsim.simulate(trace, "both-skip-16x16")
    assert result.cycles > 0
    if name == "neuraltalk-lstm":
        assert [r.name for r in result.layer_results] == ["step", *(f"step{i}" for i in range(1, 10))]
        assert len(trace.parameters) == 1
    assert "synthetic, channel-correlated, seed 0" in result.provenance["zeros"]
    assert result.provenance["densities"]


@pytest.mark.small
def test_an_unknown_network_is_told_with_the_known_ones() -> None:
    with pytest.raises(InputError, match="no network 'lenet'; by shape there are: alexnet, vgg16"):
        shape_network("lenet")


def test_building_listing_and_showing_are_commands(tmp_path: Any) -> None:
    import json

    from typer.testing import CliRunner

    from accelsim.cli.main import app

    run = CliRunner().invoke
    listed = json.loads(run(app, ["workloads", "list", "--json"]).stdout)
    assert {row["name"] for row in listed} == {*zoo.recipes(), *zoo.digits_networks(), *NETWORKS}
    assert "15.5 GMAC" in run(app, ["workloads", "list"]).stdout
    assert "Table" in run(app, ["workloads", "show", "alexnet"]).stdout
    out = tmp_path / "m.safetensors"
    built = run(app, ["workloads", "build", "mobilenet-v2", "--weight-density", "0.5", "--out", str(out)])
    assert built.exit_code == 0, built.output
    trace = accelsim.trace.read(out)
    assert len(trace.layers) == 53
    assert trace.network.provenance["densities"] == "given by the user"
    assert np.mean(trace.layer("conv1").weights != 0) == pytest.approx(0.5, abs=0.05)
