"""What the benchmark runs is ResNet-50 at the stated densities, and a missed target is said."""

import numpy as np
import pytest

from benchmarks import synthetic
from benchmarks.__main__ import Figure


def test_the_benchmark_runs_resnet50_at_its_densities():
    trace = synthetic.resnet50()
    layers = [trace.layer(name) for name in trace.layers]
    assert sum(layer.layer.dense_macs for layer in layers) == 4_089_184_256
    # the published 25,557,032 parameters less batch normalisation and the last bias
    assert sum(layer.weights.size for layer in layers) == 25_557_032 - 53_120 - 1_000
    weights = np.mean([np.mean(layer.weights != 0) for layer in layers])
    activations = np.mean([np.mean(layer.activations != 0) for layer in layers])
    assert abs(weights - synthetic.WEIGHT_DENSITY) < 0.02
    assert abs(activations - synthetic.ACTIVATION_DENSITY) < 0.05


@pytest.mark.small
def test_a_missed_target_is_said():
    assert Figure("speed", 7.9, "G MAC/s", 8, at_least=True).line().endswith("missed")
    assert Figure("speed", 8.0, "G MAC/s", 8, at_least=True).line().endswith(" met")
    assert Figure("time", 4.1, "s", 4).line().endswith("missed")
    assert Figure("time", 3.9, "s", 4).line().endswith(" met")
    assert Figure("part", 3.9, "s", None).line().endswith(" s")
