"""Small float ONNX models with seeded weights, and real-looking inputs for them."""

from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

GENERATOR_SEED = 7


class Model:
    """Collects nodes and constants, one after the other."""

    def __init__(self, channels: int = 3, size: int = 8, batch: Any = 1) -> None:
        self.generator = np.random.default_rng(GENERATOR_SEED)
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.input = helper.make_tensor_value_info("image", TensorProto.FLOAT, [batch, channels, size, size])
        self.last = "image"

    def constant(self, array: Any, name: str = "") -> str:
        name = name or f"constant{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def random(self, *shape: int) -> str:
        return self.constant(
            (self.generator.normal(size=shape) / np.sqrt(np.prod(shape[1:]))).astype(np.float32)
        )

    def add(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        output = f"t{len(self.nodes)}"
        read = inputs or (self.last,)
        self.nodes.append(
            helper.make_node(kind, list(read), [output], name=name or f"{kind}_{output}", **attributes)
        )
        self.last = output
        return output

    def conv(
        self, channels: int, filters: int, size: int = 3, group: int = 1, relu: bool = True, **given: Any
    ) -> str:
        weights, bias = self.random(filters, channels // group, size, size), self.random(filters)
        given.setdefault("pads", [size // 2] * 4)
        if "auto_pad" in given:
            del given["pads"]
        self.add("Conv", self.last, weights, bias, kernel_shape=[size, size], group=group, **given)
        return self.add("Relu") if relu else self.last

    def save(self, path: Path, opset: int = 13) -> Path:
        output = helper.make_empty_tensor_value_info(self.last)
        graph = helper.make_graph(self.nodes, "small", [self.input], [output], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
        model = onnx.shape_inference.infer_shapes(model)
        onnx.save(model, path)
        return path


def images(count: int, channels: int = 3, size: int = 8, seed: int = 0) -> list[Any]:
    generator = np.random.default_rng(seed)
    return [generator.normal(size=(1, channels, size, size)).astype(np.float32) for _ in range(count)]
