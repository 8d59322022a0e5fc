"""What the benchmarks run: ResNet-50's shapes at fixed densities with synthetic, channel-correlated zeros."""

from dataclasses import replace

from accelsim.network import Layer
from accelsim.trace import LayerTrace, NetworkTrace
from accelsim.zoo import shape_network, synthetic_layer, synthetic_trace

WEIGHT_DENSITY = 0.45
ACTIVATION_DENSITY = 0.30


def layer(name: str, side: int, channels: int, filters: int, taps: int) -> LayerTrace:
    """A convolution of `taps` x `taps` on a `side` x `side` image that keeps its size."""
    pad = taps // 2
    shape = Layer(
        name=name,
        input_height=side,
        input_width=side,
        channels=channels,
        filters=filters,
        kernel=(taps, taps),
        padding=(pad, pad, pad, pad),
    )
    return synthetic_layer(shape, WEIGHT_DENSITY, ACTIVATION_DENSITY)


def resnet50(layers: int | None = None) -> NetworkTrace:
    """The first `layers` layers of ResNet-50 (default: all 54)."""
    network = shape_network("resnet50")
    first = replace(network, layers=network.layers[:layers])
    return synthetic_trace(first, weight_density=WEIGHT_DENSITY, activation_density=ACTIVATION_DENSITY)
