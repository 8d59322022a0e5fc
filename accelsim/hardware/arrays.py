"""PE arrays: one model per dataflow, with the keys that its machine has.

`dataflow` in an array repeats the chip's: the union of arrays is told apart by it, and no file shows it.
"""

from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

ZeroPolicy = Literal["compute", "gate", "skip"]
# Upper bounds keep every product of sizes, cycles and rates inside int64.
Count = Annotated[int, Field(ge=1, le=2**40)]
Pes = Annotated[int, Field(ge=1, le=4096)]

Lanes = Annotated[int, Field(ge=1, le=64, description="multipliers in a PE")]
Spad = Annotated[int, Field(ge=1, le=2**16)]
QueueDepth = Annotated[int, Field(ge=1, le=1024, description="steps that wait in a PE's queue")]
QueueLatency = Annotated[int, Field(ge=1, le=2**20, description="from sending a step to its earliest start")]


class Part(BaseModel):
    """Base of all parts: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class PeArray(Part):
    """What every array has."""

    rows: Pes = Field(description="PE rows")
    columns: Pes = Field(description="PE columns")
    weight_policy: ZeroPolicy = Field(description="what a zero weight does: compute, gate or skip")
    activation_policy: ZeroPolicy = Field(description="what a zero activation does: compute, gate or skip")
    chunk_elements: Literal[1, 8, 16, 32, 64, 128, 256] = Field(
        description="channels that are encoded as one"
    )
    pipeline_cycles: Annotated[int, Field(ge=0, le=2**20)] = Field(
        description="pipeline tail at the end of a tile"
    )
    weight_bits: Literal[8, 16] = Field(description="bits of a weight operand")
    activation_bits: Literal[8, 16] = Field(description="bits of an activation operand")
    accumulator_bits: Annotated[int, Field(ge=16, le=64)] = Field(description="bits of an accumulator")

    @model_validator(mode="after")
    def _channels_are_encoded_together(self) -> "PeArray":
        if (self.chunk_elements == 1) != isinstance(self, RowStationaryArray):
            raise ValueError(
                "chunk_elements must be 1 for row_stationary (each channel is a plane), else 8 or more"
            )
        return self

    @property
    def multipliers(self) -> int:
        """All lanes of the array."""
        return self.rows * self.columns

    @property
    def partial_sum_bits(self) -> int:
        """Bits of a partial sum outside of the array."""
        return self.accumulator_bits


Kind = TypeVar("Kind", bound=PeArray)


class InnerJoinArray(PeArray):
    """PEs that match non-zero masks, and their broadcast queues (docs/dataflows/inner_join.md)."""

    dataflow: Literal["inner_join"] = Field(default="inner_join", exclude=True, repr=False)
    lanes: Lanes
    queue_depth: QueueDepth
    queue_latency_cycles: QueueLatency
    lane_assignment: Literal["pooled", "fixed"] = Field(
        description="pooled: any lane takes any pair; fixed: channel i belongs to lane i mod lanes"
    )
    lane_sync: Literal["step", "set"] = Field(description="where fixed lanes wait for each other")
    broadcast_domain: Literal["array", "column", "row"] = Field(
        description="the PEs that receive a step in one cycle"
    )
    array_feed_bytes_per_cycle: Count = Field(description="scratchpad to one broadcast domain")
    unrolling: Literal["fixed", "flexible"] = Field(
        default="fixed", description="fixed: a row a filter, a column a position; flexible: as the plan says"
    )

    @model_validator(mode="after")
    def _lanes_fit_and_the_stream_reaches(self) -> "InnerJoinArray":
        if self.unrolling == "flexible" and self.broadcast_domain != "array":
            why = "only a stream that reaches every PE can give any PE any chunk"
            raise ValueError(f"unrolling 'flexible' needs broadcast_domain 'array': {why}")
        if self.lanes > self.chunk_elements:
            raise ValueError(
                f"lanes must be at most chunk_elements ({self.chunk_elements}), not {self.lanes}"
            )
        if self.lane_sync == "set" and self.lane_assignment == "pooled":
            raise ValueError("lane_sync 'set' needs lane_assignment 'fixed'; pooled lanes wait at every step")
        return self

    @property
    def multipliers(self) -> int:
        """All lanes of the array."""
        return self.rows * self.columns * self.lanes


class SystolicArray(PeArray):
    """PEs that pass operands on to their neighbours (docs/dataflows/systolic.md)."""

    dataflow: Literal["systolic"] = Field(default="systolic", exclude=True, repr=False)
    stationary: Literal["weights", "activations", "outputs"] = Field(description="what stays in a PE")
    overlap: bool = Field(description="a fold's load or shift-out passes during the stream of its neighbour")

    @model_validator(mode="after")
    def _streams_skip_nothing(self) -> "SystolicArray":
        for name in ("weight_policy", "activation_policy"):
            if getattr(self, name) == "skip":
                raise ValueError(f"{name} must be 'compute' or 'gate': a systolic stream leaves nothing out")
        return self


class ColumnBroadcastArray(PeArray):
    """PEs that hold interleaved rows of a compressed matrix (docs/dataflows/column_broadcast.md)."""

    dataflow: Literal["column_broadcast"] = Field(default="column_broadcast", exclude=True, repr=False)
    accumulators: Annotated[int, Field(ge=1, le=2**16)] = Field(description="sums in a PE")
    stored_weight_bits: Annotated[int, Field(ge=1, le=16)] = Field(
        description="bits of a weight in the scratchpad; beside it a 4-bit count of zeros"
    )
    codebook: bool = Field(description="stored weights are indices into a table of shared values per layer")
    queue_depth: QueueDepth
    queue_latency_cycles: QueueLatency

    @model_validator(mode="after")
    def _all_zeros_are_skipped(self) -> "ColumnBroadcastArray":
        must_skip(self, "compressed columns hold no zeros to multiply")
        if self.stored_weight_bits > self.weight_bits:
            raise ValueError(f"stored_weight_bits must be at most weight_bits ({self.weight_bits})")
        return self

    @property
    def cell_filters(self) -> int:
        """Filters whose sums the array holds at once; their columns are encoded alone."""
        return self.rows * self.columns * self.accumulators

    @property
    def entry_bits(self) -> int:
        """A stored weight and the number of zeros before it."""
        return self.stored_weight_bits + 4


class CartesianArray(PeArray):
    """PEs that form all products of two vectors and scatter them to banks (docs/dataflows/cartesian.md)."""

    dataflow: Literal["cartesian"] = Field(default="cartesian", exclude=True, repr=False)
    weights_per_step: Annotated[int, Field(ge=1, le=8)] = Field(description="weights of a multiplier step")
    activations_per_step: Annotated[int, Field(ge=1, le=8)] = Field(
        description="activations of a multiplier step"
    )
    banks: Literal[1, 2, 4, 8, 16, 32, 64] = Field(description="accumulator banks of a PE")
    bank_entries: Annotated[int, Field(ge=1, le=2**16)] = Field(description="sums of a bank")
    bank_queue_depth: Annotated[int, Field(ge=1, le=128)] = Field(
        description="products that wait before a bank; at least those of a step"
    )
    halo_elements_per_cycle: Count = Field(description="sums that a PE gives to its neighbours in a cycle")

    @model_validator(mode="after")
    def _all_zeros_are_skipped(self) -> "CartesianArray":
        must_skip(self, "the products are those of stored values")
        if self.bank_queue_depth < self.lanes:
            raise ValueError(
                f"bank_queue_depth must be at least {self.lanes}, the products of a step: a bank may get all"
            )
        return self

    @property
    def lanes(self) -> int:
        """Multipliers of a PE."""
        return self.weights_per_step * self.activations_per_step

    @property
    def multipliers(self) -> int:
        """All lanes of the array."""
        return self.rows * self.columns * self.lanes


class StructuredArray(PeArray):
    """PEs whose weights are N of M and pick their activations (docs/dataflows/structured.md)."""

    dataflow: Literal["structured"] = Field(default="structured", exclude=True, repr=False)
    lanes: Lanes
    kept_per_block: Annotated[int, Field(ge=1, le=32)] = Field(description="N: weights stored of a block")
    block_elements: Literal[2, 4, 8, 16, 32] = Field(description="M: channels of a block")
    dense_fallback: bool = Field(description="layers that break N of M run dense instead of being refused")
    array_feed_bytes_per_cycle: Count = Field(description="scratchpad to the array")

    @model_validator(mode="after")
    def _weights_are_stored_without_zeros(self) -> "StructuredArray":
        if (self.weight_policy, self.activation_policy) not in (("skip", "compute"), ("skip", "gate")):
            raise ValueError(
                "weight_policy must be 'skip' (stored weights pick their activations), activation_policy "
                "'compute' or 'gate'"
            )
        if not self.kept_per_block <= self.block_elements <= self.chunk_elements:
            raise ValueError(
                "kept_per_block must be at most block_elements, and that at most chunk_elements "
                f"({self.chunk_elements})"
            )
        return self

    @property
    def place_bits(self) -> int:
        """Bits that tell a stored weight's place in its block."""
        return (self.block_elements - 1).bit_length()

    @property
    def multipliers(self) -> int:
        """All lanes of the array."""
        return self.rows * self.columns * self.lanes


class RowSpads(PeArray):
    """Arrays of PEs that hold rows of filters, of activations and of sums."""

    weight_spad_entries: Spad = Field(description="weights in a PE")
    activation_spad_entries: Spad = Field(description="activations in a PE")
    sum_spad_entries: Spad = Field(description="sums in a PE")
    sum_bits: Annotated[int, Field(ge=8, le=64)] = Field(
        description="bits of a partial sum in the scratchpad"
    )

    @property
    def partial_sum_bits(self) -> int:
        """Bits of a partial sum outside of the array."""
        return self.sum_bits


class RowStationaryArray(RowSpads):
    """PEs that convolve a row of weights with a row of activations (docs/dataflows/row_stationary.md)."""

    dataflow: Literal["row_stationary"] = Field(default="row_stationary", exclude=True, repr=False)
    weights_per_cycle: Count = Field(description="operands on the weight bus")
    activations_per_cycle: Count = Field(description="operands on the activation bus")
    sums_per_cycle: Count = Field(description="operands on each bus of sums, in and out")

    @model_validator(mode="after")
    def _nothing_is_skipped(self) -> "RowStationaryArray":
        if self.weight_policy != "compute" or self.activation_policy == "skip":
            raise ValueError("weight_policy must be 'compute', activation_policy 'compute' or 'gate'")
        return self


class CscRowStationaryArray(RowSpads):
    """The same with both operands in compressed columns (docs/dataflows/csc_row_stationary.md)."""

    dataflow: Literal["csc_row_stationary"] = Field(default="csc_row_stationary", exclude=True, repr=False)
    lanes: Literal[1, 2] = Field(description="multipliers in a PE: 2 with its SIMD")
    array_feed_bytes_per_cycle: Count = Field(description="scratchpad to the array")

    @model_validator(mode="after")
    def _all_zeros_are_skipped(self) -> "CscRowStationaryArray":
        must_skip(self, "compressed columns hold no zeros to multiply")
        return self

    @property
    def multipliers(self) -> int:
        """All lanes of the array."""
        return self.rows * self.columns * self.lanes


def must_skip(array: PeArray, why: str) -> None:
    """Raise ValueError unless both operands skip."""
    for name in ("weight_policy", "activation_policy"):
        if getattr(array, name) != "skip":
            raise ValueError(f"{name} must be 'skip': {why}")


def of_kind(array: PeArray, kind: type[Kind]) -> Kind:
    """An array whose dataflow is known already; raises TypeError if it is of another kind."""
    if not isinstance(array, kind):
        raise TypeError(f"the array is {type(array).__name__}, not {kind.__name__}")
    return array


AnyArray = Annotated[
    InnerJoinArray
    | SystolicArray
    | ColumnBroadcastArray
    | CartesianArray
    | StructuredArray
    | RowStationaryArray
    | CscRowStationaryArray,
    Field(discriminator="dataflow"),
]
ARRAYS: dict[str, type[PeArray]] = {
    "inner_join": InnerJoinArray,
    "systolic": SystolicArray,
    "column_broadcast": ColumnBroadcastArray,
    "cartesian": CartesianArray,
    "structured": StructuredArray,
    "row_stationary": RowStationaryArray,
    "csc_row_stationary": CscRowStationaryArray,
}
