"""What a chip is: frozen models of its parts, checked at the door, unknown keys refused.

One clock; GB/s, ns and MHz become core cycles in `units`. A chip is read from a YAML file by
`accelsim.hardware.load_hardware`, which reports every error with file, line and key.
"""

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from accelsim import units
from accelsim.hardware.arrays import AnyArray, Count, Part
from accelsim.hardware.dram_model import AnyDram, BandwidthDram, Rate
from accelsim.hardware.memory import Dma, Scratchpad

Encoding = Literal["dense", "bitmask"]
WeightEncoding = Literal["dense", "bitmask", "csc_interleaved", "n_of_m"]
DramWeights = Literal[
    "same",
    "dense",
    "bitmask",
    "run_length4",
    "run_length5",
    "csr",
    "csc",
    "csc_relative4",
    "block2",
    "block4",
    "block8",
    "n1_m4",
    "n2_m4",
    "n4_m8",
    "huffman_run_length5",
]
DramActivations = Literal["same", "dense", "bitmask", "run_length4", "run_length5"]
# What the scratchpad of a dataflow's chip must hold; the others choose.
SCRATCHPADS: dict[str, dict[str, str]] = {
    "systolic": {"weights": "dense", "activations": "dense"},
    "column_broadcast": {"weights": "csc_interleaved", "activations": "dense", "outputs": "dense"},
    "structured": {"weights": "n_of_m", "activations": "dense"},
    "row_stationary": {"weights": "dense", "activations": "dense", "outputs": "dense"},
}


class Encodings(Part):
    """How each operand is stored in the scratchpad, and in DRAM (docs/traffic.md)."""

    weights: WeightEncoding = Field(
        description="in the scratchpad: dense values, or one mask bit per element and the non-zero values; "
        "csc_interleaved: compressed columns with their rows over the PEs; n_of_m: the array's N of M"
    )
    activations: Encoding = Field(description="dense or bitmask, as weights")
    outputs: Encoding = Field(description="dense or bitmask; the next layer's activations")
    pointer_bits: Annotated[int, Field(ge=8, le=64)] = Field(
        description="offset stored per row of segments of a variable-size encoding"
    )
    dram_weights: DramWeights = Field(
        default="same", description="in DRAM: same as in the scratchpad, or a format"
    )
    dram_activations: DramActivations = Field(default="same", description="as dram_weights")
    dram_outputs: DramActivations = Field(default="same", description="as dram_weights")
    dram_weight_bits: Annotated[int, Field(ge=1, le=8)] | None = Field(
        default=None, description="bits of a weight in DRAM; null: pe_array.weight_bits"
    )
    dram_weight_codebook: bool = Field(
        default=False,
        description="weights in DRAM are indices into a table of 2^dram_weight_bits values per layer",
    )

    @model_validator(mode="after")
    def _codebook_has_bits(self) -> "Encodings":
        if self.dram_weight_codebook and self.dram_weight_bits is None:
            raise ValueError("dram_weight_bits must be given where dram_weight_codebook is true")
        return self


class Postprocessor(Part):
    """Requantises, applies ReLU, pools, adds and compresses what the array drains."""

    drain_elements_per_cycle: Count = Field(description="outputs taken from one broadcast domain in a cycle")
    elements_per_cycle: Count = Field(description="input elements of pooling, addition, ... in a cycle")


class Energy(Part):
    """Which energy table prices the counts."""

    table: Annotated[str, Field(min_length=1)] = Field(
        description="a shipped table's name (45nm, 22nm, 7nm) or the path of a CSV file"
    )
    dram: Annotated[str, Field(min_length=1)] = Field(
        description="the table's component that prices DRAM bits"
    )
    sram: Annotated[str, Field(min_length=1)] = Field(
        default="sram_lstp",
        description="the table's component that prices the scratchpad; its cell type decides the leakage",
    )
    macro_bytes: Count | None = Field(
        default=None, description="bytes of one of the scratchpad's macros; null: it is a single one"
    )
    node_nm: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)] | None = Field(
        default=None, description="technology node the table is scaled to; null: its own"
    )
    overlay: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="path of a CSV file whose rows replace and add to the table's"
    )

    @model_validator(mode="after")
    def _macros_are_within_reason(self) -> "Energy":
        if self.macro_bytes is not None and self.macro_bytes < 64:
            raise ValueError(f"macro_bytes must be at least 64, not {self.macro_bytes}")
        return self


class Accelerator(Part):
    """A whole chip."""

    schema_version: Literal[1] = Field(description="version of this file's keys")
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")] = Field(description="used in tables")
    description: str = Field(default="", description="one sentence for people")
    dataflow: Literal[
        "inner_join",
        "systolic",
        "column_broadcast",
        "cartesian",
        "structured",
        "row_stationary",
        "csc_row_stationary",
    ] = Field(description="the cycle law of the array")
    clock_mhz: Rate = Field(description="the one clock")
    pe_array: AnyArray
    encodings: Encodings
    scratchpad: Scratchpad
    postprocessor: Postprocessor
    dram: AnyDram
    dma: Dma = Dma()
    energy: Energy

    @model_validator(mode="before")
    @classmethod
    def _dataflow_decides_the_array(cls, values: Any) -> Any:
        array = values.get("pe_array") if isinstance(values, dict) else None
        if isinstance(array, dict):
            if "dataflow" in array:
                raise ValueError("pe_array.dataflow is no key; dataflow stands beside pe_array")
            return values | {"pe_array": array | {"dataflow": values.get("dataflow")}}
        return values

    @model_validator(mode="after")
    def _scratchpad_holds_what_the_array_reads(self) -> "Accelerator":
        for operand, needed in SCRATCHPADS.get(self.dataflow, {}).items():
            if getattr(self.encodings, operand) != needed:
                raise ValueError(
                    f"encodings.{operand} must be {needed!r} in the scratchpad of a {self.dataflow} chip"
                )
        for encoding, dataflow in (("csc_interleaved", "column_broadcast"), ("n_of_m", "structured")):
            if self.encodings.weights == encoding and self.dataflow != dataflow:
                raise ValueError(
                    f"encodings.weights must be 'dense' or 'bitmask': only {dataflow} reads {encoding}"
                )
        if self.dataflow == "row_stationary":
            for name in ("dram_activations", "dram_outputs"):
                if getattr(self.encodings, name) == "bitmask":
                    raise ValueError(
                        f"encodings.{name} must be 'same', 'dense', 'run_length4' or 'run_length5' where "
                        "planes are stored row by row"
                    )
        return self

    @model_validator(mode="after")
    def _chunks_are_whole_bursts(self) -> "Accelerator":
        chunk, burst = self.dma.chunk_bytes, self.dram.burst_bytes
        if chunk is not None and chunk % burst:
            raise ValueError(f"dma.chunk_bytes must be a multiple of dram.burst_bytes, {burst}, not {chunk}")
        return self

    @model_validator(mode="after")
    def _systolic_edges_are_served(self) -> "Accelerator":
        if self.dataflow == "systolic" and (
            self.postprocessor.drain_elements_per_cycle < self.pe_array.columns
        ):
            raise ValueError(
                f"postprocessor.drain_elements_per_cycle must be at least {self.pe_array.columns}, the "
                "columns of a systolic array: a row of results leaves in a cycle"
            )
        return self

    @model_validator(mode="after")
    def _policies_have_masks(self) -> "Accelerator":
        if self.dataflow in ("column_broadcast", "cartesian", "structured", "csc_row_stationary"):
            return self  # they find zeros themselves
        if self.pe_array.weight_policy == "skip" and self.encodings.weights == "dense":
            raise ValueError("encodings.weights must be 'bitmask' where pe_array.weight_policy is 'skip'")
        if self.pe_array.activation_policy == "skip" and self.encodings.activations == "dense":
            raise ValueError(
                "encodings.activations must be 'bitmask' where pe_array.activation_policy is 'skip'"
            )
        return self

    def with_capacity(self, capacity_bytes: int) -> "Accelerator":
        """The chip with a scratchpad of this size: what kept tensors leave of it, say."""
        if capacity_bytes == self.scratchpad.capacity_bytes:
            return self
        scratchpad = self.scratchpad.model_copy(update={"capacity_bytes": capacity_bytes})
        return self.model_copy(update={"scratchpad": scratchpad})

    @property
    def dram_bytes_per_cycle(self) -> Fraction:
        """Sustained DRAM bytes in one core cycle, exact; of a banked DRAM the form for sequential reads."""
        if not isinstance(self.dram, BandwidthDram):
            return self.dram.sustained_gb_per_s * 1000 / units.exact(self.clock_mhz)
        return units.bytes_per_cycle(self.dram.peak_gb_per_s, self.dram.efficiency_fraction, self.clock_mhz)

    @property
    def dram_latency_cycles(self) -> int:
        """DRAM latency in core cycles, rounded up."""
        return units.cycles_of_ns(self.dram.latency_ns, self.clock_mhz)

    @property
    def peak_tops(self) -> float:
        """Two operations a lane and cycle, in 10^12 a second (zeros not counted as work saved)."""
        return 2 * self.pe_array.multipliers * self.clock_mhz / 1e6
