"""One quantised operator in onnxruntime, as the oracle of the arithmetic."""

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

_TYPES = {
    "int8": onnx.TensorProto.INT8,
    "uint8": onnx.TensorProto.UINT8,
    "int32": onnx.TensorProto.INT32,
    "float32": onnx.TensorProto.FLOAT,
}


def cpu_has(*flags):
    path = Path("/proc/cpuinfo")
    words = set(path.read_text().split()) if path.exists() else set()
    return bool(words & set(flags))


# Without VNNI onnxruntime multiplies in pairs that saturate at 16 bits; without FMA it adds otherwise.
needs_vnni = pytest.mark.skipif(not cpu_has("avx512_vnni", "avx_vnni"), reason="needs a CPU with VNNI")
needs_fma = pytest.mark.skipif(
    not (cpu_has("fma") and cpu_has("avx2")), reason="needs a CPU with AVX2 and FMA"
)


def run(operator, inputs, constants, order, domain="", **attributes):
    """Output of a graph of one node.

    `inputs` and `constants` map names to arrays; `order` lists the node's inputs. Every output has the
    dtype of the first input.
    """
    helper = onnx.helper
    dtype = _TYPES[next(iter(inputs.values())).dtype.name]
    graph = helper.make_graph(
        [helper.make_node(operator, order, ["out"], domain=domain, **attributes)],
        "one_node",
        [helper.make_tensor_value_info(n, _TYPES[a.dtype.name], a.shape) for n, a in inputs.items()],
        [helper.make_tensor_value_info("out", dtype, None)],
        [onnx.numpy_helper.from_array(np.asarray(a), n) for n, a in constants.items()],
    )
    model = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 13), helper.make_opsetid("com.microsoft", 1)],
        ir_version=8,
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    return session.run(None, inputs)[0]
