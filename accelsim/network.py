"""What is computed: tensors, the layers that run on the array, the operations that run beside it.

A `Network` is a graph in execution order. Tensors keep their own layout, channel last:
activations N,H,W,C; weights K,R,S,C (C = channels per group). A fully connected layer is a
convolution with H = W = R = S = 1.
"""

from dataclasses import dataclass, field
from typing import Literal

LayerKind = Literal["convolution", "fully_connected"]
OperationKind = Literal["add", "concatenate", "max_pool", "average_pool", "global_average_pool"]
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of MACs and its geometry; sizes are counts, `padding` is (top, left, bottom, right)."""

    name: str
    kind: LayerKind = "convolution"
    batch: int = 1
    input_height: int = 1
    input_width: int = 1
    channels: int
    filters: int
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    @property
    def output_height(self) -> int:
        """P, output rows."""
        span = self.dilation[0] * (self.kernel[0] - 1) + 1
        return (self.input_height + self.padding[0] + self.padding[2] - span) // self.stride[0] + 1

    @property
    def output_width(self) -> int:
        """Q, output columns."""
        span = self.dilation[1] * (self.kernel[1] - 1) + 1
        return (self.input_width + self.padding[1] + self.padding[3] - span) // self.stride[1] + 1

    @property
    def group_channels(self) -> int:
        """Input channels of one group (the C of the weights)."""
        return self.channels // self.groups

    @property
    def group_filters(self) -> int:
        """Filters of one group."""
        return self.filters // self.groups

    @property
    def activation_shape(self) -> tuple[int, int, int, int]:
        """N, H, W, C."""
        return self.batch, self.input_height, self.input_width, self.channels

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """K, R, S, channels per group."""
        return self.filters, *self.kernel, self.group_channels

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        """N, P, Q, K."""
        return self.batch, self.output_height, self.output_width, self.filters

    @property
    def dense_macs(self) -> int:
        """N*K*P*Q*R*S*C/groups, padding taps included."""
        n, p, q, k = self.output_shape
        return n * k * p * q * self.kernel[0] * self.kernel[1] * self.group_channels


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorInfo:
    """An int8 or uint8 tensor of the graph: ``real = scale * (q - zero_point)``; shape N,H,W,C."""

    name: str
    shape: tuple[int, int, int, int]
    dtype: Literal["int8", "uint8"]
    scale: float
    zero_point: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerNode:
    """A layer in the graph, with the tensors it reads and writes; `relu` is fused before requantising."""

    layer: Layer
    input: str
    output: str
    relu: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Work of the postprocessor: pooling, residual addition, concatenation (along channels)."""

    name: str
    kind: OperationKind
    inputs: tuple[str, ...]
    output: str
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    relu: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """A graph in execution order.

    `not_modelled` names what the source graph does and the simulator does not (softmax on the host, say);
    `provenance` holds source, licence, quantiser and calibration as text, and travels with every result.
    """

    name: str
    tensors: dict[str, TensorInfo]
    nodes: tuple[LayerNode | Operation, ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    not_modelled: tuple[str, ...] = ()
    provenance: dict[str, str] = field(default_factory=dict)
