"""What the benchmark runs is ResNet-50, and its zeros are as it says."""

import numpy as np
import pytest

from benchmarks import synthetic
from benchmarks.__main__ import Figure


def test_the_shapes_are_those_of_resnet50():
    rows = synthetic.shapes()
    assert sum(row["layer"] != "fc" for row in rows) == 53
    traces = synthetic.resnet50()
    assert [trace.layer.name for trace in traces] == [row["layer"] for row in rows]
    assert sum(trace.layer.dense_macs for trace in traces) == 4_089_184_256
    # 25.5 million weights: the published 25,557,032 parameters less batch normalisation and the last bias
    assert sum(trace.weights.size for trace in traces) == 25_557_032 - 53_120 - 1_000


def test_each_layer_of_a_block_reads_what_the_layer_before_writes():
    traces = {trace.layer.name: trace.layer for trace in synthetic.resnet50()}
    for name, layer in traces.items():
        before = {"3x3": "1x1", "expand": "3x3"}.get(name.rpartition("_")[2])
        if before is not None:
            assert traces[f"{name.rpartition('_')[0]}_{before}"].output_shape == layer.activation_shape, name


@pytest.mark.small
def test_zeros_are_of_the_stated_density_and_uneven_over_channels():
    trace = synthetic.layer("one", 12, 12, 256, 256)
    of_channel = (trace.activations != 0).mean(axis=(0, 1, 2))
    of_filter = (trace.weights != 0).mean(axis=(1, 2, 3))
    assert abs(of_channel.mean() - synthetic.ACTIVATION_DENSITY) < 0.05
    assert abs(of_filter.mean() - synthetic.WEIGHT_DENSITY) < 0.05
    assert of_channel.std() > 0.15  # independent zeros would give sqrt(0.3 * 0.7 / 144) = 0.04
    again = synthetic.layer("one", 12, 12, 256, 256)
    assert np.array_equal(again.activations, trace.activations)
    assert np.array_equal(again.weights, trace.weights)


@pytest.mark.small
def test_a_missed_target_is_said():
    assert Figure("speed", 7.9, "G MAC/s", 8, at_least=True).line().endswith("missed")
    assert Figure("speed", 8.0, "G MAC/s", 8, at_least=True).line().endswith(" met")
    assert Figure("time", 4.1, "s", 4).line().endswith("missed")
    assert Figure("time", 3.9, "s", 4).line().endswith(" met")
    assert Figure("part", 3.9, "s", None).line().endswith(" s")
