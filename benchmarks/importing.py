"""Import of a trained network, and reading of a trace: seconds, and how much memory grows beside the tensors.

`python -m benchmarks.importing import` and `... read FILE` print one line of JSON each; they are processes of
their own, whose peak is measured, from after the libraries are loaded. An import holds the float model: its
tensors are weights and activations in float32. A trace's are those of 8 bits.
"""

import json
import sys
import time

from accelsim import zoo
from accelsim.trace import NetworkTrace, read
from benchmarks.machine import peak_bytes

NETWORK = "resnet50-thin"


def imported() -> dict[str, float]:
    """Seconds of building a network's trace, memory grown / tensors in float32."""
    import onnx  # noqa: F401
    import onnxruntime.quantization  # noqa: F401
    import skimage.data  # noqa: F401
    import sklearn.datasets  # noqa: F401

    before, start = peak_bytes(), time.perf_counter()
    trace = zoo.build(NETWORK)
    seconds, grown = time.perf_counter() - start, peak_bytes() - before
    return {"seconds": seconds, "ratio": grown / (4 * _tensor_bytes(trace))}


def opened(path: str) -> dict[str, float]:
    """Seconds of reading all tensors of a trace, memory grown / tensors."""
    from accelsim.formats._bitmask_kernel import decode_runs  # noqa: F401

    _tensor_bytes(zoo.synthetic_trace(zoo.shape_network("neuraltalk-lstm")))
    before, start = peak_bytes(), time.perf_counter()
    size = _tensor_bytes(read(path))
    return {"seconds": time.perf_counter() - start, "ratio": (peak_bytes() - before) / size}


def _tensor_bytes(trace: NetworkTrace) -> int:
    """Bytes of all weights and activations, which are read for it."""
    weights = sum(trace.parameters[name].weights.nbytes for name in trace.weighted_layers)
    return weights + sum(trace.tensors[name].nbytes for name in trace.tensors)


if __name__ == "__main__":
    print(json.dumps(imported() if sys.argv[1] == "import" else opened(sys.argv[2])))
