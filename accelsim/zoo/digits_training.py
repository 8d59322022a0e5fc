"""How the files of `accelsim.zoo.digits` are made: split, train, prune, share, quantise, capture, measure.

::

    order    = seeded permutation of the 1797 images   # test, then validation, then training
    dense    = trained
    retrained = pruned and retrained until the validation accuracy would fall (compress.retrain)
    pruned   = the dense network at the same densities, not retrained: what retraining is worth
    shared   = codebooks of the retrained weights;  tuned = their values trained on
    int8     = the tuned network through frontend.import_model, calibrated on training images
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from accelsim.compress.retrain import (
    Codebook,
    Round,
    magnitude_masks,
    masked,
    prune_rounds,
    share_parameters,
    train,
    tune,
)
from accelsim.compress.training import (
    Examples,
    FloatLayer,
    FloatNetwork,
    Parameters,
    Settings,
    accuracy,
    float_model,
)
from accelsim.errors import InputError
from accelsim.formats import FORMATS
from accelsim.frontend.onnx import import_model
from accelsim.frontend.quantise import Floats, require_onnx
from accelsim.trace import NetworkTrace
from accelsim.zoo.digits import DigitsStage

# LeNet-300-100 and LeNet-5 (LeCun et al., 1998) in the sizes of Han et al., cut to images of 8 x 8.
NETWORKS: dict[str, FloatNetwork] = {
    "digits-mlp": (
        FloatLayer(name="fc1", weight_shape=(300, 64)),
        FloatLayer(name="fc2", weight_shape=(100, 300)),
        FloatLayer(name="fc3", weight_shape=(10, 100), relu=False),
    ),
    "digits-cnn": (
        FloatLayer(name="conv1", weight_shape=(20, 1, 3, 3), padding=1, pool=2),
        FloatLayer(name="conv2", weight_shape=(50, 20, 3, 3), padding=1, pool=2),
        FloatLayer(name="fc1", weight_shape=(500, 200)),
        FloatLayer(name="fc2", weight_shape=(10, 500), relu=False),
    ),
}
# What a round of pruning keeps of a layer: the first convolution and the last layer have few weights.
KEEP = {
    "digits-mlp": {"fc1": 0.7, "fc2": 0.7, "fc3": 0.85},
    "digits-cnn": {"conv1": 0.9, "conv2": 0.7, "fc1": 0.7, "fc2": 0.85},
}
TRAINED, RETRAINED, TUNED = Settings(epochs=60), Settings(epochs=30), Settings(epochs=20, rate=3e-4)
TOLERANCE_FRACTION = 0.005
CODEBOOK_BITS = 4
SPLIT_SEED = 0
TEST_IMAGES = VALIDATION_IMAGES = 360
CALIBRATION_IMAGES = 200
TRACE_IMAGES = 8
_WHITE = 16.0  # the largest value of a pixel


class Split(NamedTuple):
    """The images of a network in three parts; `order` int64 [1797]: test, validation, training, by their
    places in scikit-learn's file.
    """

    test: Examples
    validation: Examples
    training: Examples
    order: npt.NDArray[np.int64]


class Made(NamedTuple):
    """A network's trace, its stages, and the rounds of pruning."""

    trace: NetworkTrace
    stages: list[DigitsStage]
    rounds: list[Round]


class Sizes(NamedTuple):
    """Encoded weights of all layers, as `DigitsStage` has them."""

    weights: int
    kept: int
    weight_bits: int
    dense_bytes: int | None
    bitmask_bytes: int
    huffman_bytes: int | None
    side_bytes: int


def digits_split(name: str) -> Split:
    """scikit-learn's digits, pixels 0..1: [N, 64] if the network starts fully connected, else [N, 1, 8, 8].

    Raises
    ------
    InputError
        If scikit-learn is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError("scikit-learn is not installed: pip install 'accelsim[train]'") from error
    digits = load_digits()
    images = (digits.images / _WHITE).astype(np.float32)
    flat = len(NETWORKS[name][0].weight_shape) == 2
    images = images.reshape(len(images), *((-1,) if flat else (1, 8, 8)))
    order = np.random.default_rng(SPLIT_SEED).permutation(len(images))
    parts = np.split(order, [TEST_IMAGES, TEST_IMAGES + VALIDATION_IMAGES])
    test, validation, training = (
        Examples(images[part], digits.target[part].astype(np.int32)) for part in parts
    )
    return Split(test, validation, training, order)


def make_digits(name: str) -> Made:
    """Train and compress a network, and measure every stage; minutes.

    Raises
    ------
    InputError
        If JAX, scikit-learn, onnx or onnxruntime is not installed.
    """
    require_onnx()
    network, split = NETWORKS[name], digits_split(name)
    dense = train(network, split.training, TRAINED)
    retrained, rounds = prune_rounds(
        network, dense, KEEP[name], split.training, split.validation, RETRAINED, tolerance=TOLERANCE_FRACTION
    )
    densities = next((r.densities for r in reversed(rounds) if r.kept), dict.fromkeys(KEEP[name], 1.0))
    pruned = masked(dense, magnitude_masks(dense, densities))
    shared = share_parameters(retrained, CODEBOOK_BITS)
    tuned = tune(network, shared, split.training, TUNED)
    stages: list[DigitsStage] = []
    measured: list[tuple[str, dict[str, Parameters], Sizes]] = [
        ("dense", dense, float_sizes(dense)),
        ("pruned", pruned, float_sizes(pruned)),
        ("retrained", retrained, float_sizes(retrained)),
    ]
    for stage, books in (("shared", shared), ("tuned", tuned)):
        parameters = {layer: book.parameters() for layer, book in books.items()}
        measured.append((stage, parameters, shared_sizes(books, CODEBOOK_BITS)))
    for stage, parameters, sizes in measured:
        accuracies = [accuracy(network, parameters, part) for part in (split.test, split.validation)]
        stages.append(_stage(name, stage, accuracies, sizes, stages))
    model = float_model(network, measured[-1][1], split.test.inputs.shape[1:])
    accuracies = [_int8_accuracy(name, model, split, part) for part in (split.test, split.validation)]
    trace = _trace(
        name, model, split, split.test.inputs[:TRACE_IMAGES], _provenance(split, rounds, densities)
    )
    stages.append(_stage(name, "int8", accuracies, int8_sizes(trace), stages))
    return Made(trace, stages, rounds)


def csv_bytes(stages: Sequence[DigitsStage]) -> bytes:
    """`digits.csv` of these rows; fractions and ratios with six digits behind the point."""
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(DigitsStage)], lineterminator="\n")
    writer.writeheader()
    for stage in stages:
        row = asdict(stage)
        writer.writerow({k: f"{v:.6f}" if isinstance(v, float) else v for k, v in row.items()})
    return text.getvalue().encode()


def float_sizes(parameters: Mapping[str, Parameters]) -> Sizes:
    """Sizes of float32 weights."""
    marks = [_channel_last(p.weights != 0).astype(np.int8) for p in parameters.values()]
    biases = sum(p.bias.nbytes for p in parameters.values())
    return _sizes(marks, 32, sum(mark.size for mark in marks) * 4, False, biases)


def shared_sizes(books: Mapping[str, Codebook], bits: int) -> Sizes:
    """Sizes of weights as indices of `bits` into codebooks of float32."""
    indices = [_channel_last(book.indices) for book in books.values()]
    side = sum(book.bias.nbytes + book.values.nbytes for book in books.values())
    return _sizes(indices, bits, None, True, side)


def int8_sizes(trace: NetworkTrace) -> Sizes:
    """Sizes of a trace's int8 weights, whose zero points are zero; a scale and a bias per filter."""
    parameters = [trace.parameters[layer] for layer in trace.weighted_layers]
    weights = [p.weights for p in parameters]
    side = sum(p.weight_scales.nbytes + (0 if p.bias is None else p.bias.nbytes) for p in parameters)
    return _sizes(weights, 8, sum(w.nbytes for w in weights), True, side)


def _sizes(
    weights: Sequence[npt.NDArray[Any]], bits: int, dense: int | None, huffman: bool, side: int
) -> Sizes:
    """Sizes of each layer's weights, or of marks in their places; `bits` are those of a stored one."""
    coded = FORMATS["huffman_run_length5"]
    return Sizes(
        weights=sum(part.size for part in weights),
        kept=sum(int(np.count_nonzero(part)) for part in weights),
        weight_bits=bits,
        dense_bytes=dense,
        bitmask_bytes=sum(FORMATS["bitmask"].size_bits(part, bits=bits) for part in weights) // 8,
        huffman_bytes=sum(coded.size_bits(part) for part in weights) // 8 if huffman else None,
        side_bytes=side,
    )


def _channel_last(weights: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """K,C,R,S as K,R,S,C, as traces hold them; matrices stay."""
    return np.ascontiguousarray(weights.transpose(0, 2, 3, 1) if weights.ndim == 4 else weights)


def _stage(
    name: str, stage: str, accuracies: Sequence[float], sizes: Sizes, before: Sequence[DigitsStage]
) -> DigitsStage:
    encodings = (sizes.dense_bytes, sizes.bitmask_bytes, sizes.huffman_bytes)
    total = sizes.side_bytes + min(size for size in encodings if size is not None)
    return DigitsStage(
        network=name,
        stage=stage,
        test_images=TEST_IMAGES,
        test_accuracy_fraction=accuracies[0],
        validation_images=VALIDATION_IMAGES,
        validation_accuracy_fraction=accuracies[1],
        density_fraction=sizes.kept / sizes.weights,
        total_bytes=total,
        bits_per_weight=8 * total / sizes.weights,
        compression_ratio=(before[0].total_bytes if before else total) / total,
        **{key: value for key, value in sizes._asdict().items() if key != "kept"},
    )


def _trace(
    name: str, model: Any, split: Split, images: Floats, provenance: dict[str, str] | None = None
) -> NetworkTrace:
    """The 8-bit network on some images, its scales those of training images."""
    return import_model(
        model,
        [image[None] for image in images],
        [image[None] for image in split.training.inputs[:CALIBRATION_IMAGES]],
        name=name,
        label=name,
        provenance=provenance,
    )


def _int8_accuracy(name: str, model: Any, split: Split, examples: Examples) -> float:
    trace = _trace(name, model, split, examples.inputs)
    outputs = trace.tensors[trace.network.outputs[0]].reshape(len(examples.labels), -1)
    return float(np.mean(np.argmax(outputs, axis=1) == examples.labels))


def _provenance(split: Split, rounds: Sequence[Round], densities: Mapping[str, float]) -> dict[str, str]:
    held = ", ".join(f"{layer} {100 * density:.2f} %" for layer, density in densities.items())
    return {
        "source": "scikit-learn's load_digits: the test part of Optical Recognition of Handwritten Digits, "
        "E. Alpaydin and C. Kaynak, 1998, UCI Machine Learning Repository; 8 x 8 pixels of 0..16, not MNIST",
        "data licence": "CC BY 4.0, doi 10.24432/C50P49",
        "trained": f"make train: JAX {version('jax')}, {TRAINED.epochs} epochs of "
        f"{len(split.training.labels)} images, seed {TRAINED.seed}",
        "pruned": f"{sum(r.kept for r in rounds)} rounds, {RETRAINED.epochs} epochs each, until validation "
        f"accuracy would fall by more than {100 * TOLERANCE_FRACTION:g} points; densities {held}",
        "shared": f"codebooks of {CODEBOOK_BITS} bits per layer, their values trained {TUNED.epochs} epochs",
        "calibration": f"{CALIBRATION_IMAGES} training images",
        "inputs": f"test images, places in load_digits: {_words(split.order[:TRACE_IMAGES])}",
        "labels": _words(split.test.labels[:TRACE_IMAGES]),
    }


def _words(numbers: npt.NDArray[Any]) -> str:
    return " ".join(str(number) for number in numbers.tolist())
