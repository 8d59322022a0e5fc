"""EfficientNet-Lite0: the table is the published network, the model computes the table, its answers are right.

`efficientnet_lite0_layers.csv` beside this file was measured once, by other code, on the same weights and
other photographs: shapes, MACs, weights, and the share of int8 inputs that are zero.
"""

import csv
import pickle
import re
import struct
from collections import OrderedDict
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest

from accelsim import zoo
from accelsim.audit.agreement import compare_with_captured
from accelsim.errors import ImportedModelError
from accelsim.frontend.onnx import import_model
from accelsim.frontend.quantise import captured, onnxruntime_is_exact
from accelsim.frontend.torch_file import read_torch_file
from accelsim.network import LayerNode
from accelsim.trace import NetworkTrace
from accelsim.zoo.efficientnet import efficientnet_model, efficientnet_rows, model_of

NAME = "efficientnet-lite0"
# _DEFAULT_BLOCKS_ARGS of lite/efficientnet_lite_builder.py in tensorflow/tpu, without its unused se:
# repeats, kernel, stride of the first, expansion, input and output channels.
PUBLISHED = (
    "r1_k3_s11_e1_i32_o16 r2_k3_s22_e6_i16_o24 r2_k5_s22_e6_i24_o40 r3_k3_s22_e6_i40_o80 "
    "r3_k5_s11_e6_i80_o112 r4_k5_s22_e6_i112_o192 r1_k3_s11_e6_i192_o320"
)
# Class numbers as in examples/simple/labels_map.txt of lukemelas/EfficientNet-PyTorch.
RIGHT = {
    "coffee.png": {967},  # espresso
    "camera.png": {872},  # tripod
    "motorcycle_left.png": {665, 670},  # moped, motor scooter
    "chelsea.png": {281, 282, 285},  # tabby, tiger cat, Egyptian cat
    "rocket.jpg": {657, 744, 812},  # missile, projectile, space shuttle
    "china.jpg": {442, 663, 698},  # bell cote, monastery, palace
    "flower.jpg": {985},  # daisy
}
UNSEEN = ("coffee.png", "camera.png", "motorcycle_left.png")  # not among the recipe's calibration
FACTS = list(
    csv.DictReader((Path(__file__).parent / "efficientnet_lite0_layers.csv").read_text().splitlines())
)
PARTS = ("weight", "bias", "running_mean", "running_var")  # of a batch-norm
ROWS = efficientnet_rows()
LAYERS = [row for row in ROWS if row["weights"]]


def weights_of(rows: list[dict[str, str]], seed: int | None = None) -> dict[str, Any]:
    """A weights file's content that fits a table: drawn, or zeros."""
    generator = np.random.default_rng(seed)
    weights = {}
    for row in rows:
        if not row["weights"]:
            continue
        filters, inputs = int(row["filters"]), int(row["channels"])
        side = [int(row["kernel"])] * 2 if row["kernel"] else []
        shapes = {row["weights"]: (filters, inputs // int(row["groups"] or 1), *side)}
        shapes |= {f"{row['batch_norm']}.{p}": (filters,) for p in PARTS} if row["batch_norm"] else {}
        shapes |= {row["bias"]: (filters,)} if row["bias"] else {}
        for name, shape in shapes.items():
            drawn = np.zeros(shape) if seed is None else generator.normal(size=shape)
            weights[name] = np.asarray(abs(drawn) if "var" in name else drawn, np.float32)
    return weights


def blocks() -> list[dict[str, int]]:
    """The published blocks one by one: kernel, stride, expansion, channels, and whether it adds its input."""
    found = []
    for text in PUBLISHED.split():
        r, k, s, e, i, o = (int(n) for n in re.findall(r"\d+", text))
        for repeat in range(r):
            stride, inputs = (s % 10, i) if not repeat else (1, o)
            found.append({"k": k, "s": stride, "e": e, "i": inputs, "o": o, "adds": repeat > 0})
    return found


@pytest.mark.small
def test_table_is_the_published_blocks() -> None:
    """Expand (unless the expansion is 1), depthwise, project, and the input added in every repeat."""
    by_name = {row["name"]: row for row in ROWS}
    before, expected = "stem", ["stem"]
    for number, block in enumerate(blocks()):
        one, wide = f"block{number}", block["i"] * block["e"]
        chain = [("depthwise", block["k"], block["s"], wide, wide, wide, "relu6")]
        chain += [("project", 1, 1, wide, block["o"], 1, "")]
        if block["e"] > 1:
            chain.insert(0, ("expand", 1, 1, block["i"], wide, 1, "relu6"))
        read = before
        for part, *numbers, activation in chain:
            row = by_name[f"{one}.{part}"]
            fields = [int(row[key]) for key in ("kernel", "stride", "channels", "filters", "groups")]
            assert fields == numbers, row["name"]
            assert (row["inputs"], row["activation"]) == (read, activation), row["name"]
            expected.append(read := row["name"])
        if block["adds"]:
            assert by_name[f"{one}.add"]["inputs"].split() == [read, before]
            expected.append(read := f"{one}.add")
        before = read
    assert [row["name"] for row in ROWS] == [*expected, "head", "pool", "logits"]


@pytest.mark.small
def test_parameters_that_are_trained_are_as_many_as_published() -> None:
    """4,652,008: `params` of efficientnet_lite0_ra_imagenet in keras-hub's presets."""
    trained = {
        name: tensor.size
        for name, tensor in weights_of(ROWS).items()
        if not name.split(".")[-1].startswith("run")
    }
    assert sum(trained.values()) == 4_652_008


def shapes_of(model: Any) -> dict[str, tuple[int, ...]]:
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    return {
        value.name: tuple(d.dim_value for d in value.type.tensor_type.shape.dim)
        for value in (*inferred.input, *inferred.value_info, *inferred.output)
    }


def test_every_layer_has_the_measured_shapes_macs_and_weights() -> None:
    model = model_of(ROWS, weights_of(ROWS), "zeros")
    shapes, nodes = shapes_of(model), {node.name: node for node in model.graph.node}
    assert len(LAYERS) == len(FACTS) == 50
    for row, fact in zip(LAYERS, FACTS, strict=True):
        node = nodes[row["name"]]
        read, written = shapes[node.input[0]][1:], shapes[node.output[0]][1:]
        weights = next(tuple(w.dims) for w in model.graph.initializer if w.name == node.input[1])
        told = [tuple(int(n) for n in fact[key].split("x")) for key in
                ("input_shape", "output_shape", "weight_shape")]  # fmt: skip
        assert [read, written, weights] == told, row["name"]
        assert row["weights"] == f"{fact['layer']}.weight"
        assert prod(weights) == int(fact["weights"])
        assert prod(weights[1:]) * prod(written) == int(fact["macs"])
        assert (row["stride"] or "1", row["groups"] or "1") == (fact["stride"], fact["groups"])
    assert sum(int(fact["macs"]) for fact in FACTS) == 385_187_552


def test_padding_is_tensorflows_same() -> None:
    """ceil(n / stride) outputs; of an odd sum of padding the larger part is below and to the right."""
    shapes = shapes_of(model_of(ROWS, weights_of(ROWS), "zeros"))
    uneven = 0
    for row in LAYERS[:-1]:
        read = row["inputs"] + ("/relu6" if f"{row['inputs']}/relu6" in shapes else "")
        side, kernel, stride = shapes[read][2], int(row["kernel"]), int(row["stride"])
        total = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        assert row["padding"] == f"{total // 2} {total // 2} {total - total // 2} {total - total // 2}"
        uneven += total % 2
    assert uneven == 5  # the layers of stride 2


SMALL_TABLE = """\
name,kind,inputs,channels,filters,kernel,stride,padding,groups,weights,bias,batch_norm,activation
stem,convolution,image,3,4,5,8,0 1 2 1,1,stem.weight,,bn0,relu6
wide,convolution,stem,4,4,3,2,0 0 1 1,4,wide.weight,,bn1,relu6
thin,convolution,wide,4,4,1,1,0 0 0 0,1,thin.weight,,bn2,
sum,add,thin wide,,,,,,,,,,
pool,global_average_pool,sum,,,,,,,,,,
out,fully_connected,pool,4,6,,,,,out.weight,out.bias,,
"""


def by_hand(rows: list[dict[str, str]], weights: dict[str, Any], image: Any) -> dict[str, Any]:
    """Every row's result, by the definitions of its operators."""
    done = {"image": image[0].astype(np.float64)}
    for row in rows:
        read = [done[name] for name in row["inputs"].split()]
        if row["kind"] == "add":
            value = read[0] + read[1]
        elif row["kind"] == "global_average_pool":
            value = read[0].mean(axis=(1, 2))
        elif row["kind"] == "fully_connected":
            value = weights[row["weights"]] @ read[0] + weights[row["bias"]]
        else:
            top, left, bottom, right = map(int, row["padding"].split())
            padded = np.pad(read[0], ((0, 0), (top, bottom), (left, right)))
            k, s, groups = int(row["kernel"]), int(row["stride"]), int(row["groups"])
            filters = weights[row["weights"]]
            windows = np.lib.stride_tricks.sliding_window_view(padded, (k, k), axis=(1, 2))[:, ::s, ::s]
            each = np.split(windows, groups)
            value = np.concatenate(
                [
                    np.einsum("chwrs,kcrs->khw", x, f)
                    for x, f in zip(each, np.split(filters, groups), strict=True)
                ]
            )
            scale, shift, mean, variance = (
                weights[f"{row['batch_norm']}.{part}"][:, None, None] for part in PARTS
            )
            value = (value - mean) / np.sqrt(variance + 1e-3) * scale + shift
            value = np.clip(value, 0, 6) if row["activation"] else value
        done[row["name"]] = value
    return done


@pytest.mark.parametrize("seed", range(3))
def test_model_computes_its_table(seed: int) -> None:
    rows = list(csv.DictReader(SMALL_TABLE.splitlines()))
    weights = weights_of(rows, seed)
    weights["bn0.running_var"][0] = 0.0  # epsilon counts
    image = np.random.default_rng(seed).normal(size=(1, 3, 224, 224)).astype(np.float32)
    model = model_of(rows, weights, "drawn")
    tensors, expected = captured(model, [image], "drawn"), by_hand(rows, weights, image)
    for name, tensor in (("stem/relu6", "stem"), ("wide/relu6", "wide"), ("sum", "sum"), ("out", "out")):
        found = tensors[name].reshape(expected[tensor].shape)
        np.testing.assert_allclose(found, expected[tensor], rtol=1e-3, atol=1e-3)
        assert np.ptp(found) > 0.1


@pytest.mark.small
def test_weights_of_another_network_are_refused_by_name() -> None:
    weights = weights_of(ROWS)
    without = {name: tensor for name, tensor in weights.items() if name != "_blocks.3._bn1.running_mean"}
    with pytest.raises(ImportedModelError, match=r"w\.pth: no tensor '_blocks\.3\._bn1\.running_mean'"):
        model_of(ROWS, without, "w.pth")
    for other in (np.zeros((32, 3, 3, 1), np.float32), np.zeros((32, 3, 3, 3), np.float64)):
        with pytest.raises(ImportedModelError, match=r"'_conv_stem\.weight' must be float32 of shape"):
            model_of(ROWS, {**weights, "_conv_stem.weight": other}, "w.pth")


def as_python_reads_it(path: Path) -> dict[str, Any]:
    """The file by Python's own unpickler, its classes replaced; strides by numpy's own bounds check."""
    kinds = {"FloatStorage": "<f4", "LongStorage": "<i8"}

    class Reader(pickle.Unpickler):
        def find_class(self, module: str, name: str) -> Any:
            if name in kinds:
                return kinds[name]
            return OrderedDict if name == "OrderedDict" else lambda *arguments: arguments

        def persistent_load(self, given: Any) -> Any:
            return given

    with path.open("rb") as file:
        entries = [Reader(file).load() for _ in range(5)]
        elements = {}
        dtypes = {tensor[0][2]: tensor[0][1] for tensor in entries[3].values()}
        for key in entries[4]:
            count = struct.unpack("<q", file.read(8))[0]
            elements[key] = np.frombuffer(file.read(count * np.dtype(dtypes[key]).itemsize), dtypes[key])
        assert not file.read()
    return {
        name: np.ndarray(shape, own.dtype, own, offset * own.itemsize, [s * own.itemsize for s in strides])
        for name, (storage, offset, shape, strides, *_) in entries[3].items()
        for own in [elements[storage[2]]]
    }


@pytest.fixture(scope="module")
def files() -> dict[str, Path]:
    return zoo.fetch(NAME)


def inputs(*names: str) -> list[Any]:
    how = zoo.recipe(NAME).preprocessing
    return [
        zoo.network_input(
            zoo.Photograph(package="sklearn", file=f"datasets/images/{name}", credit="")
            if name in ("china.jpg", "flower.jpg")
            else zoo.Photograph(package="skimage", file=f"data/{name}", credit=""),
            how,
        )
        for name in names
    ]


@pytest.fixture(scope="module")
def quantised(files: dict[str, Path]) -> NetworkTrace:
    recipe = zoo.recipe(NAME)
    calibration = [zoo.network_input(photograph, recipe.preprocessing) for photograph in recipe.calibration]
    return import_model(efficientnet_model(files), inputs(*UNSEEN), calibration, name=NAME, label=NAME)


@pytest.mark.network
def test_the_weights_are_those_that_python_itself_unpickles_and_all_are_used(files: dict[str, Path]) -> None:
    ours, theirs = read_torch_file(files["model"]), as_python_reads_it(files["model"])
    assert list(ours) == list(theirs)
    for name, tensor in theirs.items():
        assert np.array_equal(ours[name], tensor), name
    used = {w.name for w in efficientnet_model(files).graph.initializer if not w.name.startswith("bound")}
    assert {name for name in ours if not name.endswith("num_batches_tracked")} == used


@pytest.mark.network
def test_photographs_are_what_they_show(files: dict[str, Path]) -> None:
    session = onnxruntime.InferenceSession(
        efficientnet_model(files).SerializeToString(), providers=["CPUExecutionProvider"]
    )
    for name, classes in RIGHT.items():
        logits = session.run(None, {"image": inputs(name)[0]})[0][0]
        best = np.argsort(-logits)[:5]
        assert best[0] in classes, name
        assert len(classes & set(best.tolist())) >= min(len(classes), 2), name  # another name of it is near


@pytest.mark.network
def test_eight_bits_give_the_same_answers(files: dict[str, Path], quantised: NetworkTrace) -> None:
    real = captured(efficientnet_model(files), inputs(*UNSEEN), NAME)["logits"]
    ours = quantised.tensors[quantised.network.outputs[0]].reshape(real.shape)
    assert ours.argmax(axis=1).tolist() == real.argmax(axis=1).tolist()
    for a, b in zip(ours, real, strict=True):
        assert np.corrcoef(a, b)[0, 1] > 0.98


@pytest.mark.network
def test_the_datapath_computes_what_onnxruntime_computed(quantised: NetworkTrace) -> None:
    rows = compare_with_captured(quantised)
    assert len(rows) == 60
    if onnxruntime_is_exact():
        assert {row.node: row.largest_difference for row in rows if row.largest_difference} == {}


@pytest.mark.network
def test_zeros_are_as_frequent_as_measured_on_other_photographs(quantised: NetworkTrace) -> None:
    """ReLU6 0.53, linear bottlenecks 0.02: a layer's own share moves by 0.03 from photograph to photograph."""
    network, found = quantised.network, dict[str, list[float]]()
    layers = [node for node in network.nodes if isinstance(node, LayerNode)]
    for node, row, fact in zip(layers, LAYERS, FACTS, strict=True):
        assert node.layer.name == row["name"]
        assert node.layer.dense_macs == int(fact["macs"]) * len(UNSEEN)
        assert node.relu == (row["activation"] == "relu6")
        info = network.tensors[node.input]
        zeros = float((quantised.tensors[node.input] == info.zero_point).mean())
        found.setdefault(fact["input_kind"], []).append(zeros)
        if fact["input_kind"] == "relu6":
            assert zeros == pytest.approx(float(fact["input_zero_fraction"]), abs=0.06), row["name"]
    assert len(found["relu6"]) == 32
    assert np.mean(found["relu6"]) == pytest.approx(0.53, abs=0.02)
    assert np.mean(found["signed(linear)"]) == pytest.approx(0.018, abs=0.006)
