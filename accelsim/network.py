"""What is computed: tensors, the layers that run on the array, the operations that run beside it.

A `Network` is a graph in execution order. Tensors keep their own layout, channel last:
activations N,H,W,C; weights K,R,S,C (C = channels per group). A fully connected layer is a
convolution with H = W = R = S = 1. Rows of a matrix are the positions H of an image one pixel wide, so
a product of two activations is a 1 x 1 convolution with a group per head, its weights a tensor.
"""

from dataclasses import dataclass, field
from typing import Literal

LayerKind = Literal["convolution", "fully_connected", "matrix_product"]
OperationKind = Literal[
    "add",
    "concatenate",
    "max_pool",
    "average_pool",
    "global_average_pool",
    "resize",
    "depth_to_space",
    "pad",
    "function",
]
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
    """A layer in the graph, with the tensors it reads and writes; `relu` is fused before requantising.

    Attributes
    ----------
    parameters_of : the layer whose parameters this one shares (a recurrent layer's other time steps)
    second : the tensor that takes the weights' place in a product of two activations, N,L,1,heads*D:
        its rows are the filters (products of rows with rows), or, if `second_by_columns`, its columns
    """

    layer: Layer
    input: str
    output: str
    relu: bool = False
    parameters_of: str | None = None
    second: str | None = None
    second_by_columns: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Resize:
    """How an image is resized, in the words of ONNX's Resize; `scales` of rows and columns.

    `rounding` (its `nearest_mode`) says which pixel is nearest; linear resizing does not use it.
    """

    mode: Literal["nearest", "linear"]
    coordinates: Literal["half_pixel", "pytorch_half_pixel", "asymmetric", "align_corners"]
    rounding: Literal["round_prefer_floor", "round_prefer_ceil", "floor", "ceil"]
    scales: tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """Work of the postprocessor: pooling, residual addition, concatenation (along channels), moving.

    Attributes
    ----------
    kernel : of a pool; of `depth_to_space` the block that a pixel's channels become
    resize : of `resize` alone
    order : of `depth_to_space`: whether a pixel's channels count block first (DCR) or channel first (CRD)
    channel_padding, fill : of `pad`, whose `padding` is that of rows and columns: channels before and
        after, and the stored value of all that is added
    function, passes : of `function`, which the datapath does not compute (softmax, normalisation, movements
        of data, chains of them): the names of its operators, and how often its elements pass
    rows : of `function`: for each input the rows H that it reads, (first, how many), or None for all
    """

    name: str
    kind: OperationKind
    inputs: tuple[str, ...]
    output: str
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    relu: bool = False
    resize: Resize | None = None
    order: Literal["DCR", "CRD"] | None = None
    channel_padding: Pair | None = None
    fill: int | None = None
    function: str | None = None
    passes: int | None = None
    rows: tuple[Pair | None, ...] | None = None


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
