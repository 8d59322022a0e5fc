import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from one_node import needs_fma, run

from accelsim.datapath.operations import run_operation
from accelsim.errors import DatapathError
from accelsim.network import Operation, TensorInfo

DTYPES = st.sampled_from(("int8", "uint8"))
SIZES = st.integers(1, 6)


def info_of(tensor, scale=1.0, zero_point=0, name="t"):
    return TensorInfo(
        name=name, shape=tensor.shape, dtype=tensor.dtype.name, scale=scale, zero_point=zero_point
    )


def output_info(shape, dtype, scale=1.0, zero_point=0):
    return TensorInfo(name="out", shape=tuple(shape), dtype=dtype, scale=scale, zero_point=zero_point)


def operation(kind, inputs=1, **fields):
    return Operation(
        name="op", kind=kind, inputs=tuple(f"i{i}" for i in range(inputs)), output="out", **fields
    )


@st.composite
def numbers(draw, dtype, near=None):
    """A float32 scale and a zero point; half of the scales stand in a small ratio to `near`: ties."""
    info = np.iinfo(dtype)
    if near is None or draw(st.booleans()):
        scale = draw(st.floats(0.0078125, 0.25, width=32))
    else:
        scale = near * draw(st.integers(1, 9)) / draw(st.integers(1, 9))
    return float(np.float32(scale)), draw(st.integers(info.min, info.max))


def tensor(seed, shape, dtype):
    info = np.iinfo(dtype)
    return np.random.default_rng(seed).integers(info.min, info.max + 1, shape).astype(dtype)


def channels_first(array):
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2))


def constants(dtype, **pairs):
    """Scalars `name_scale` and `name_zero` of each name."""
    found = {}
    for name, (scale, zero) in pairs.items():
        found[f"{name}_scale"] = np.float32(scale)
        found[f"{name}_zero"] = np.dtype(dtype).type(zero)
    return found


@needs_fma
@settings(deadline=None, max_examples=80)
@given(st.data(), DTYPES)
def test_addition_is_onnxruntimes_for_every_pair_of_bytes(data, dtype):
    y = data.draw(numbers(dtype))
    a_numbers, b_numbers = data.draw(numbers(dtype, y[0])), data.draw(numbers(dtype, y[0]))
    info = np.iinfo(dtype)
    every = np.arange(info.min, info.max + 1).astype(dtype)
    a, b = (x.reshape(1, 256, 256, 1).copy() for x in np.meshgrid(every, every))
    theirs = run(
        "QLinearAdd",
        {"a": a, "b": b},
        constants(dtype, a=a_numbers, b=b_numbers, y=y),
        ["a", "a_scale", "a_zero", "b", "b_scale", "b_zero", "y_scale", "y_zero"],
        domain="com.microsoft",
    )
    ours = run_operation(
        operation("add", 2),
        [a, b],
        [info_of(a, *a_numbers), info_of(b, *b_numbers)],
        output_info(a.shape, dtype, *y),
    )
    assert np.array_equal(ours, theirs)


@settings(deadline=None, max_examples=80)
@given(st.data(), DTYPES)
def test_concatenation_is_onnxruntimes_for_every_byte(data, dtype):
    y = data.draw(numbers(dtype))
    a_numbers = data.draw(numbers(dtype, y[0]))
    info = np.iinfo(dtype)
    a = np.arange(info.min, info.max + 1).astype(dtype).reshape(1, 8, 8, 4)
    b = tensor(1, (1, 8, 8, 3), dtype)
    theirs = run(
        "QLinearConcat",
        {"a": channels_first(a), "b": channels_first(b)},
        constants(dtype, a=a_numbers, y=y),
        ["y_scale", "y_zero", "a", "a_scale", "a_zero", "b", "y_scale", "y_zero"],
        domain="com.microsoft",
        axis=1,
    )
    ours = run_operation(
        operation("concatenate", 2),
        [a, b],
        [info_of(a, *a_numbers), info_of(b, *y)],
        output_info((1, 8, 8, 7), dtype, *y),
    )
    assert np.array_equal(channels_first(ours), theirs)
    assert np.array_equal(ours[..., 4:], b)


@settings(deadline=None, max_examples=100)
@given(st.data(), DTYPES, SIZES, SIZES, st.integers(0, 2**32))
def test_global_average_is_onnxruntimes(data, dtype, height, width, seed):
    y = data.draw(numbers(dtype))
    x_numbers = data.draw(numbers(dtype, y[0]))
    x = tensor(seed, (2, height, width, 70), dtype)
    theirs = run(
        "QLinearGlobalAveragePool",
        {"x": channels_first(x)},
        constants(dtype, x=x_numbers, y=y),
        ["x", "x_scale", "x_zero", "y_scale", "y_zero"],
        domain="com.microsoft",
    )
    ours = run_operation(
        operation("global_average_pool"), [x], [info_of(x, *x_numbers)], output_info((2, 1, 1, 70), dtype, *y)
    )
    assert np.array_equal(channels_first(ours), theirs)


@st.composite
def windows(draw):
    """Image, kernel, stride, padding that give at least one output."""
    image, kernel, stride = (draw(st.tuples(SIZES, SIZES)) for _ in range(3))
    kernel = tuple(min(k, i) for k, i in zip(kernel, image, strict=True))
    padding = tuple(draw(st.integers(0, kernel[i % 2] - 1)) for i in range(4))
    return image, kernel, stride, padding


def pooled_shape(image, kernel, stride, padding):
    return [(image[i] + padding[i] + padding[i + 2] - kernel[i]) // stride[i] + 1 for i in range(2)]


@settings(deadline=None, max_examples=150)
@given(st.data(), DTYPES, windows(), st.integers(0, 2**32))
def test_average_pooling_is_onnxruntimes(data, dtype, geometry, seed):
    image, kernel, stride, padding = geometry
    y = data.draw(numbers(dtype))
    x_numbers = data.draw(numbers(dtype, y[0]))
    x = tensor(seed, (2, *image, 20), dtype)
    theirs = run(
        "QLinearAveragePool",
        {"x": channels_first(x)},
        constants(dtype, x=x_numbers, y=y),
        ["x", "x_scale", "x_zero", "y_scale", "y_zero"],
        domain="com.microsoft",
        kernel_shape=kernel,
        strides=stride,
        pads=padding,
    )
    ours = run_operation(
        operation("average_pool", kernel=kernel, stride=stride, padding=padding),
        [x],
        [info_of(x, *x_numbers)],
        output_info((2, *pooled_shape(*geometry), 20), dtype, *y),
    )
    assert np.array_equal(channels_first(ours), theirs)


@settings(deadline=None, max_examples=60)
@given(DTYPES, windows(), st.integers(0, 2**32))
def test_max_pooling_is_onnxruntimes(dtype, geometry, seed):
    image, kernel, stride, padding = geometry
    x = tensor(seed, (2, *image, 5), dtype)
    theirs = run(
        "MaxPool",
        {"x": channels_first(x)},
        {},
        ["x"],
        kernel_shape=kernel,
        strides=stride,
        pads=padding,
    )
    ours = run_operation(
        operation("max_pool", kernel=kernel, stride=stride, padding=padding),
        [x],
        [info_of(x, 0.5, 3)],
        output_info((2, *pooled_shape(*geometry), 5), dtype, 0.5, 3),
    )
    assert np.array_equal(channels_first(ours), theirs)


def row(*values, dtype=np.int8):
    return np.array(values, dtype).reshape(1, 1, -1, 1)


@pytest.mark.small
def test_addition_worked_by_hand():
    """(2*(a-1) + 1*(b+3)) / 2 + 4, rounded half to even with the zero point 4 added.

    7, 5: (12 + 8) / 2 + 4 = 14; 100 and -100 saturate; 1, -2: 1/2 + 4 -> 4; 2, -2: 3/2 + 4 -> 6.
    """
    a, b = row(7, 100, -100, 1, 2), row(5, 100, -100, -2, -2)
    ours = run_operation(
        operation("add", 2),
        [a, b],
        [info_of(a, 2.0, 1), info_of(b, 1.0, -3)],
        output_info(a.shape, "int8", 2.0, 4),
    )
    assert ours.ravel().tolist() == [14, 127, -128, 4, 6]


@pytest.mark.small
def test_relu_clamps_an_operation_at_the_output_zero_point():
    a, b = row(1, -9), row(1, 2)
    infos = [info_of(a), info_of(b)]
    out = output_info(a.shape, "int8", 1.0, 3)
    assert run_operation(operation("add", 2), [a, b], infos, out).ravel().tolist() == [5, -4]
    assert run_operation(operation("add", 2, relu=True), [a, b], infos, out).ravel().tolist() == [5, 3]


@pytest.mark.small
def test_average_excludes_padding_and_max_ignores_it():
    x = row(-10, -20, -30)
    pool = {"kernel": (1, 2), "stride": (1, 2), "padding": (0, 1, 0, 0)}
    out = output_info((1, 1, 2, 1), "int8")
    averaged = run_operation(operation("average_pool", **pool), [x], [info_of(x)], out)
    assert averaged.ravel().tolist() == [-10, -25]
    largest = run_operation(operation("max_pool", **pool), [x], [info_of(x)], out)
    assert largest.ravel().tolist() == [-10, -20]


@pytest.mark.small
def test_global_average_rounds_before_adding_the_zero_point():
    x = row(1, 2)  # 3/2 -> 2, + 1
    out = output_info((1, 1, 1, 1), "int8", 1.0, 1)
    assert run_operation(operation("global_average_pool"), [x], [info_of(x)], out).item() == 3
    # a window that covers the unpadded image is the same operation
    whole = operation("average_pool", kernel=(1, 2))
    assert run_operation(whole, [x], [info_of(x)], out).item() == 3
    # any other window rounds after: 3/2 + 1 = 2.5 -> 2
    y = row(1, 2, 9)
    part = operation("average_pool", kernel=(1, 2), stride=(1, 2))
    assert run_operation(part, [y], [info_of(y)], out).item() == 2


@pytest.mark.small
def test_what_does_not_fit_together_is_refused():
    x, wide = row(1, 2, 3), row(1, 2, 3, 4)
    info = info_of(x, 0.5, 1, name="left")
    with pytest.raises(DatapathError, match="op: needs 2 inputs and infos, not 1 and 1"):
        run_operation(operation("add", 2), [x], [info], info)
    with pytest.raises(DatapathError, match="op: max_pool cannot take 2 inputs"):
        run_operation(operation("max_pool", 2), [x, x], [info, info], info)
    with pytest.raises(
        DatapathError, match=r"op: input left must be int8 \(1, 1, 3, 1\), not int8 \(1, 1, 4, 1\)"
    ):
        run_operation(operation("max_pool"), [wide], [info], info)
    with pytest.raises(DatapathError, match="op: cannot add shapes"):
        run_operation(operation("add", 2), [x, wide], [info, info_of(wide)], info)
    with pytest.raises(DatapathError, match="op: cannot concatenate shapes"):
        run_operation(operation("concatenate", 2), [x, wide], [info, info_of(wide)], info)
    with pytest.raises(
        DatapathError, match=r"op: max_pool keeps dtype, scale and zero point: int8, 0.5, 1, not"
    ):
        run_operation(operation("max_pool"), [x], [info], output_info(x.shape, "int8", 0.5, 2))
    with pytest.raises(DatapathError, match=r"op: the output has shape \(1, 1, 3, 1\), not \(1, 1, 2, 1\)"):
        run_operation(operation("max_pool"), [x], [info], output_info((1, 1, 2, 1), "int8", 0.5, 1))
    with pytest.raises(
        DatapathError, match=r"op: padding \(0, 1, 0, 0\) must be smaller than the kernel \(1, 1\)"
    ):
        run_operation(operation("max_pool", padding=(0, 1, 0, 0)), [x], [info], info)
    with pytest.raises(
        DatapathError, match=r"op: the kernel \(2, 2\) is larger than the padded image \(1, 3\)"
    ):
        run_operation(operation("max_pool", kernel=(2, 2)), [x], [info], info)
