"""What is known of ONNX operators by name: which multiply, which only move, where scales stand."""

from typing import Any

# Operators of MACs: without a conversion there is no running them.
MACS = (
    "Attention",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "DeformConv",
    "DynamicQuantizeLSTM",
    "Einsum",
    "GRU",
    "Gemm",
    "If",
    "LSTM",
    "Loop",
    "MatMul",
    "MatMulInteger",
    "QGemm",
    "QLinearConv",
    "QLinearConvTranspose",
    "QLinearMatMul",
    "RNN",
    "Scan",
)
QUANTISERS = ("QuantizeLinear", "DequantizeLinear")
MOVEMENTS = (
    *QUANTISERS,
    "Cast",
    "Dropout",
    "Expand",
    "Flatten",
    "Gather",
    "Identity",
    "Reshape",
    "Slice",
    "Split",
    "Squeeze",
    "Transpose",
    "Unsqueeze",
)
# Rows are read once more for each of these: a mean, a largest value, a sum.
REDUCTIONS = {
    "GroupNormalization": 2,
    "InstanceNormalization": 2,
    "LayerNormalization": 2,
    "LogSoftmax": 2,
    "QLinearSoftmax": 2,
    "ReduceMax": 1,
    "ReduceMean": 1,
    "ReduceSum": 1,
    "RMSNormalization": 1,
    "Softmax": 2,
}
# Tensors with the places of their scale and zero point among a node's inputs; the output's come last.
_READS = {
    "QLinearConv": ((0, 1, 2), (3, 4, 5)),
    "QLinearMatMul": ((0, 1, 2), (3, 4, 5)),
    "QGemm": ((0, 1, 2), (3, 4, 5)),
    "QLinearAdd": ((0, 1, 2), (3, 4, 5)),
    "QLinearMul": ((0, 1, 2), (3, 4, 5)),
    "QLinearAveragePool": ((0, 1, 2),),
    "QLinearGlobalAveragePool": ((0, 1, 2),),
    "QLinearSigmoid": ((0, 1, 2),),
    "QLinearLeakyRelu": ((0, 1, 2),),
    "QLinearSoftmax": ((0, 1, 2),),
    "QLinearReduceMean": ((0, 1, 2),),
    "DequantizeLinear": ((0, 1, 2),),
}
_WRITES = {
    "QLinearConv": (6, 7),
    "QLinearMatMul": (6, 7),
    "QGemm": (7, 8),
    "QLinearAdd": (6, 7),
    "QLinearMul": (6, 7),
    "QLinearConcat": (0, 1),
    "QuantizeLinear": (1, 2),
}
_PASSING = ("MaxPool", "Resize", "DepthToSpace", "Pad", "Clip", "Relu")


def scales_of(model: Any) -> dict[str, tuple[str, str]]:
    """Names of scale and zero point by tensor, as nodes that read or write the tensor state them."""
    found: dict[str, tuple[str, str]] = {}
    for node in model.graph.node:
        kind, read = node.op_type, list(node.input)
        for tensor, scale, zero in _READS.get(kind, ()):
            if max(tensor, scale, zero) < len(read):
                found[read[tensor]] = (read[scale], read[zero])
        if kind == "QLinearConcat":
            found |= {t: (s, z) for t, s, z in zip(read[2::3], read[3::3], read[4::3], strict=True)}
        if kind in _READS and kind not in _WRITES and kind != "DequantizeLinear" and len(read) > 4:
            found[node.output[0]] = (read[3], read[4])
        if kind in _WRITES and max(_WRITES[kind]) < len(read):
            scale, zero = _WRITES[kind]
            found[node.output[0]] = (read[scale], read[zero])
    passing = [node for node in model.graph.node if node.op_type in (*MOVEMENTS, *_PASSING)]
    for node in (*passing, *reversed(passing)):  # forwards and back: what moves keeps its scale
        if node.op_type in QUANTISERS:
            continue
        tensors = [node.input[0], *node.output]
        known = next((found[t] for t in tensors if t in found), None)
        if known is not None:
            for tensor in tensors:
                found.setdefault(tensor, known)
    return found
