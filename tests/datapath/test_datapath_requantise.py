from dataclasses import replace

import numpy as np
import pytest
from drawn_layers import traces
from hypothesis import given, settings
from hypothesis import strategies as st
from one_node import needs_vnni, run

from accelsim.datapath.requantise import layer_outputs, multipliers, requantise
from accelsim.errors import DatapathError
from accelsim.trace import from_arrays


def onnxruntime_outputs(trace):
    layer, zero = trace.layer, trace.activations.dtype.type
    top, left, bottom, right = layer.padding
    constants = {
        "x_scale": np.float32(trace.activation_scale),
        "x_zero": zero(trace.activation_zero_point),
        "w": np.ascontiguousarray(trace.weights.transpose(0, 3, 1, 2)),
        "w_scale": trace.weight_scales,
        "w_zero": trace.weight_zero_points.astype(trace.weights.dtype),
        "y_scale": np.float32(trace.output_scale),
        "y_zero": zero(trace.output_zero_point),
    }
    if trace.bias is not None:
        constants["bias"] = trace.bias
    out = run(
        "QLinearConv",
        {"x": np.ascontiguousarray(trace.activations.transpose(0, 3, 1, 2))},
        constants,
        ["x", "x_scale", "x_zero", "w", "w_scale", "w_zero", "y_scale", "y_zero", "bias"][
            : 9 if trace.bias is not None else 8
        ],
        strides=layer.stride,
        dilations=layer.dilation,
        pads=[top, left, bottom, right],
        group=layer.groups,
    )
    return out.transpose(0, 2, 3, 1)


@st.composite
def quantised(draw, dtypes):
    """Drawn layers whose outputs are spread over the output's range, with awkward scales."""
    weights, activations = dtypes
    trace = draw(
        traces(
            weight_dtypes=(weights,),
            activation_dtypes=(activations,),
            one_weight_zero_point=True,
            fully_connected=False,
        )
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    filters, info = trace.layer.filters, np.iinfo(activations)
    fan_in = int(np.prod(trace.weights.shape[1:]))
    scales = np.exp(rng.uniform(-4, 0, 2 + filters)).astype(np.float32)
    if draw(st.booleans()):
        scales = np.exp2(np.round(np.log2(scales)))  # exact powers of two: many ties
    output_scale = 2.0 ** np.round(np.log2(scales[0] * scales[2] * 80.0 * np.sqrt(fan_in)))
    bias = rng.integers(-20000, 20000, filters).astype(np.int32) if draw(st.booleans()) else None
    return replace(
        trace,
        activation_scale=float(scales[0]),
        weight_scales=scales[2:].astype(np.float32),
        output_scale=float(np.float32(output_scale * draw(st.sampled_from((1.0, 1.37, 0.7))))),
        output_zero_point=int(rng.integers(info.min, info.max + 1)),
        bias=bias,
    )


@needs_vnni
@pytest.mark.parametrize(
    "dtypes", [(np.int8, np.int8), (np.int8, np.uint8), (np.uint8, np.uint8)], ids=["s8s8", "s8u8", "u8u8"]
)
@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_outputs_are_onnxruntimes_bit_for_bit(dtypes, data):
    trace = data.draw(quantised(dtypes))
    assert np.array_equal(layer_outputs(trace, "skip", "gate"), onnxruntime_outputs(trace))


@needs_vnni
@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**32))
def test_near_ties_fall_where_onnxruntimes_fall(seed):
    """Every byte through filters whose multipliers are close to small ratios: i/j of an output step."""
    rng = np.random.default_rng(seed)
    activation_scale, output_scale = np.exp(rng.uniform(-5, -1, 2)).astype(np.float32)
    ratios = rng.integers(1, 12, 64) / rng.integers(1, 30, 64)
    trace = from_arrays(
        rng.integers(-20, 20, (64, 1, 1, 1)).astype(np.int8),
        np.arange(256).reshape(1, 16, 16, 1).astype(np.uint8),
        activation_scale=activation_scale,
        weight_scales=(ratios * output_scale / activation_scale).astype(np.float32),
        activation_zero_point=128,
        output_scale=output_scale,
        output_zero_point=int(rng.integers(0, 256)),
    )
    assert np.array_equal(layer_outputs(trace, "skip", "skip"), onnxruntime_outputs(trace))


def one_output(**changes):
    trace = from_arrays(np.ones((1, 1), np.int8), np.ones((1, 1), np.int8), name="one")
    return replace(trace, **changes)


def steps(value, trace, dtype=None):
    return requantise(np.full((1, 1, 1, 1), value, np.int32), trace, dtype).item()


@pytest.mark.small
def test_halves_round_to_even_before_the_zero_point_is_added():
    trace = one_output(output_scale=2.0, output_zero_point=1)
    # 1/2 -> 0, 3/2 -> 2, 5/2 -> 2, -1/2 -> 0; then + 1
    assert [steps(v, trace) for v in (1, 3, 5, -1, -3)] == [1, 3, 3, 1, -1]


@pytest.mark.small
def test_outputs_saturate_at_both_ends_of_their_dtype():
    trace = one_output(output_zero_point=-5)
    assert [steps(v, trace) for v in (10_000_000, 132, 133, -123, -124)] == [127, 127, 127, -128, -128]
    unsigned = one_output(output_zero_point=5)
    assert [steps(v, unsigned, np.uint8) for v in (300, -4, -5, -6, -(2**31))] == [255, 1, 0, 0, 0]


@pytest.mark.small
def test_relu_clamps_at_the_zero_point():
    trace = one_output(output_zero_point=-5, relu=True)
    assert [steps(v, trace) for v in (-100, -1, 0, 3)] == [-5, -5, -5, -2]
    assert steps(-100, replace(trace, relu=False)) == -105


@pytest.mark.small
def test_bias_is_added_before_scaling():
    trace = one_output(bias=np.array([6], np.int32), output_scale=4.0)
    assert [steps(v, trace) for v in (2, -6, -10)] == [2, 0, -1]


@pytest.mark.small
def test_the_multiplier_is_rounded_after_each_of_its_two_operations():
    scales = np.random.default_rng(0).uniform(0.001, 0.1, 500).astype(np.float32)
    trace = from_arrays(
        np.ones((500, 1), np.int8),
        np.ones((1, 1), np.int8),
        activation_scale=0.1,
        weight_scales=scales,
        output_scale=0.7,
    )
    once = np.float32(0.1) * scales
    assert once.dtype == np.float32
    assert multipliers(trace).dtype == np.float32
    assert np.array_equal(multipliers(trace), once / np.float32(0.7))
    in_float64 = float(np.float32(0.1)) * scales.astype(np.float64) / float(np.float32(0.7))
    assert np.any(multipliers(trace) != in_float64.astype(np.float32))


@pytest.mark.small
def test_a_bias_that_overflows_int32_is_refused():
    trace = one_output(bias=np.array([1], np.int32))
    with pytest.raises(
        DatapathError, match=r"one: .*\(0, 0, 0, 0\) overflows 32 bits with its bias: 2147483648"
    ):
        steps(2**31 - 1, trace)
    assert steps(2**31 - 2, trace) == 127


@pytest.mark.small
def test_the_dtype_is_that_of_recorded_outputs_else_of_the_activations():
    sums = np.zeros((1, 1, 1, 1), np.int32)
    assert requantise(sums, one_output()).dtype == np.int8
    assert requantise(sums, one_output(outputs=np.zeros((1, 1, 1, 1), np.uint8))).dtype == np.uint8
    assert requantise(sums, one_output(), np.uint8).dtype == np.uint8


@pytest.mark.small
def test_what_does_not_fit_is_refused():
    with pytest.raises(
        DatapathError, match=r"one: accumulators must be int32 \(1, 1, 1, 1\), not int64 \(1,\)"
    ):
        requantise(np.zeros(1, np.int64), one_output())
    with pytest.raises(DatapathError, match="one: the output's zero point must be a value of uint8, not -1"):
        steps(0, one_output(output_zero_point=-1), np.uint8)
