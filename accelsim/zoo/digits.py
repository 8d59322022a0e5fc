"""Two networks on scikit-learn's digits, pruned and retrained: small, shipped with their traces.

`workloads/digits-mlp.safetensors` and `digits-cnn.safetensors` hold real 8-bit activations of test digits,
`workloads/digits.csv` what each stage of compression did to accuracy and size (docs/digits.md).
"""

import csv
from dataclasses import dataclass, fields
from typing import Any

from accelsim.errors import InputError
from accelsim.trace import NetworkTrace, read
from accelsim.zoo.workloads import workloads_folder

STAGES = ("dense", "pruned", "retrained", "shared", "tuned", "int8")


@dataclass(frozen=True, slots=True, kw_only=True)
class DigitsStage:
    """A row of `digits.csv`: a network after one stage of compression.

    Attributes
    ----------
    stage : one of `STAGES`
    test_images, test_accuracy_fraction : held out: never trained on, nothing was chosen by them
    validation_images, validation_accuracy_fraction : what decided when pruning ended
    weights, density_fraction : of all layers, without biases; the share that is no zero
    weight_bits : of a stored weight: 32 as float, a codebook's index, 8 as int8
    dense_bytes : every weight stored; None where weights are indices, as a zero has none
    bitmask_bytes : a bit per weight, and those that are no zeros
    huffman_bytes : runs of zeros and values, Huffman coded, with tables; None for floats
    side_bytes : biases, codebooks and scales
    total_bytes : the smallest of the three encodings, and `side_bytes`
    bits_per_weight : total_bytes x 8 / weights
    compression_ratio : total_bytes of the dense stage / total_bytes
    """

    network: str
    stage: str
    test_images: int
    test_accuracy_fraction: float
    validation_images: int
    validation_accuracy_fraction: float
    weights: int
    density_fraction: float
    weight_bits: int
    dense_bytes: int | None
    bitmask_bytes: int
    huffman_bytes: int | None
    side_bytes: int
    total_bytes: int
    bits_per_weight: float
    compression_ratio: float


def digits_networks() -> tuple[str, ...]:
    """Names of the networks, in the order of `digits.csv`."""
    return tuple(dict.fromkeys(row.network for row in _rows()))


def digits_trace(name: str) -> NetworkTrace:
    """The shipped trace of a network: its last stage, on test digits that its provenance names.

    Raises
    ------
    InputError
        If there is no such network.
    """
    _check(name)
    return read(workloads_folder() / f"{name}.safetensors")


def digits_stages(name: str) -> tuple[DigitsStage, ...]:
    """The stages of a network in order, from dense to int8.

    Raises
    ------
    InputError
        If there is no such network.
    """
    _check(name)
    return tuple(row for row in _rows() if row.network == name)


def _check(name: str) -> None:
    if name not in digits_networks():
        raise InputError(f"no network {name!r} on digits; there are: {', '.join(digits_networks())}")


def _rows() -> list[DigitsStage]:
    with (workloads_folder() / "digits.csv").open(encoding="utf-8", newline="") as file:
        return [_stage(row) for row in csv.DictReader(file)]


def _stage(row: dict[str, str]) -> DigitsStage:
    values: dict[str, Any] = {}
    for field in fields(DigitsStage):
        text = row[field.name]
        if field.type is str:
            values[field.name] = text
        elif field.type is float:
            values[field.name] = float(text)
        else:
            values[field.name] = int(text) if text else None
    return DigitsStage(**values)
