"""EfficientNet-Lite0 as a float ONNX model: its graph is a table, its weights are a package's.

`workloads/efficientnet-lite0.csv` has a row per operator in execution order: what it reads, its geometry
(padding as top, left, bottom, right) and the names of its tensors in the weights file. Geometry,
ReLU6 and epsilon are those of efficientnet_lite_builder.py and efficientnet_model.py in
https://github.com/tensorflow/tpu, models/official/efficientnet; padding is TensorFlow's SAME.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from accelsim.errors import ImportedModelError
from accelsim.frontend.quantise import require_onnx
from accelsim.frontend.torch_file import Array, read_torch_file
from accelsim.zoo.workloads import workloads_folder

_IMAGE = (1, 3, 224, 224)
_EPSILON = 1e-3  # of every batch-norm
_OPSET, _IR_VERSION = 13, 8
_CLIPS = {"relu6": (0.0, 6.0)}


def efficientnet_model(files: Mapping[str, Path]) -> Any:
    """The float network.

    Parameters
    ----------
    files : as `fetch` returns them; `model` is the weights file

    Returns
    -------
    onnx.ModelProto, from `image` (float32 [1, 3, 224, 224], RGB) to `logits` [1, 1000]; every operator has
    the name of its row

    Raises
    ------
    ImportedModelError
        If the weights file is damaged, or has not the tensors that the table names.
    InputError
        If onnx is not installed.
    """
    return model_of(efficientnet_rows(), read_torch_file(files["model"]), str(files["model"]))


def efficientnet_rows() -> list[dict[str, str]]:
    """The rows of the table."""
    with (workloads_folder() / "efficientnet-lite0.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def model_of(rows: list[dict[str, str]], weights: Mapping[str, Array], label: str) -> Any:
    """The float ONNX model of a table, whose last row is the output; `label` is what errors call the weights.

    Raises
    ------
    ImportedModelError
        If a tensor is missing or has another shape than the row says.
    InputError
        If onnx is not installed.
    """
    require_onnx()
    import onnx

    graph = _Graph(weights, label)
    for row in rows:
        graph.add(row)
    real = onnx.TensorProto.FLOAT
    model = onnx.helper.make_model(
        onnx.helper.make_graph(
            graph.nodes,
            "efficientnet-lite0",
            [onnx.helper.make_tensor_value_info("image", real, _IMAGE)],
            [onnx.helper.make_tensor_value_info(rows[-1]["name"], real, (1, int(rows[-1]["filters"])))],
            graph.initialisers,
        ),
        opset_imports=[onnx.helper.make_opsetid("", _OPSET)],
        ir_version=_IR_VERSION,
    )
    onnx.checker.check_model(model, full_check=True)
    return model


class _Graph:
    """Nodes and initialisers under construction.

    A row writes the tensor of its name, and its activation one more, which later rows read: quantised,
    the activation is the saturation of the tensor before it, and that one is left.
    """

    def __init__(self, weights: Mapping[str, Array], label: str) -> None:
        self.weights = weights
        self.label = label
        self.nodes: list[Any] = []
        self.initialisers: list[Any] = []
        self.written = {"image": "image"}  # the tensor to read, by row

    def add(self, row: dict[str, str]) -> None:
        """The nodes of one row."""
        name, reads = row["name"], [self.written[row_name] for row_name in row["inputs"].split()]
        self.written[name] = f"{name}/{row['activation']}" if row["activation"] else name
        if row["kind"] == "add":
            self._node("Add", reads, name, name)
        elif row["kind"] == "global_average_pool":
            self._node("GlobalAveragePool", reads, name, name)
        elif row["kind"] == "fully_connected":
            self._fully_connected(row, reads)
        else:
            self._convolution(row, reads)

    def _convolution(self, row: dict[str, str], reads: list[str]) -> None:
        """Convolution, batch-norm and, where the row has one, the clip of its activation."""
        name, norm = row["name"], row["batch_norm"]
        kernel, stride, groups = int(row["kernel"]), int(row["stride"]), int(row["groups"])
        filters = int(row["filters"])
        shape = (filters, int(row["channels"]) // groups, kernel, kernel)
        self._node(
            "Conv",
            [*reads, self._tensor(row["weights"], shape)],
            f"{name}/sum",
            name,
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[int(side) for side in row["padding"].split()],
            group=groups,
        )
        tensors = [
            self._tensor(f"{norm}.{part}", (filters,))
            for part in ("weight", "bias", "running_mean", "running_var")
        ]
        self._node(
            "BatchNormalization", [f"{name}/sum", *tensors], name, f"{name}/batch_norm", epsilon=_EPSILON
        )
        if row["activation"]:
            bounds = [self._constant(f"bound {bound:g}", bound) for bound in _CLIPS[row["activation"]]]
            self._node("Clip", [name, *bounds], self.written[name], self.written[name])

    def _fully_connected(self, row: dict[str, str], reads: list[str]) -> None:
        name, filters = row["name"], int(row["filters"])
        tensors = [
            self._tensor(row["weights"], (filters, int(row["channels"]))),
            self._tensor(row["bias"], (filters,)),
        ]
        self._node("Flatten", reads, f"{name}/flat", f"{name}/flatten")
        self._node("Gemm", [f"{name}/flat", *tensors], name, name, transB=1)

    def _node(self, kind: str, reads: list[str], writes: str, name: str, **attributes: Any) -> None:
        import onnx

        self.nodes.append(onnx.helper.make_node(kind, reads, [writes], name=name, **attributes))

    def _tensor(self, name: str, shape: tuple[int, ...]) -> str:
        """A tensor of the weights file as an initialiser, once."""
        import onnx

        if name not in self.weights:
            raise ImportedModelError(f"{self.label}: no tensor {name!r}")
        values = self.weights[name]
        if values.shape != shape or values.dtype != np.float32:
            raise ImportedModelError(
                f"{self.label}: tensor {name!r} must be float32 of shape {shape}, "
                f"not {values.dtype} of {values.shape}"
            )
        self.initialisers.append(onnx.numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def _constant(self, name: str, value: float) -> str:
        import onnx

        if not any(known.name == name for known in self.initialisers):
            self.initialisers.append(onnx.numpy_helper.from_array(np.array(value, np.float32), name))
        return name
