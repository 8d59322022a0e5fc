"""The memory on the chip, and the engine that fills it: scratchpad and DMA (docs/machine.md)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from accelsim.hardware.arrays import Count, Part

# What a tile fetches, each in a region of its own where there are regions (outputs lie with partial sums).
OPERANDS = ("weights", "activations", "partial_sums")
MOST_BLOCKED_BANKS = 64


class Scratchpad(Part):
    """Software-managed SRAM; no cache."""

    capacity_bytes: Count = Field(description="bytes for operands, partial sums and outputs together")
    word_bytes: Annotated[int, Field(ge=1, le=256)] = Field(description="bytes of one access")
    banks: Annotated[int, Field(ge=1, le=2**20)] | None = Field(
        default=None,
        description="words lie over them as layout says; null: as many as are ever needed at once",
    )
    ports: Literal["shared", "separate"] = Field(
        default="shared", description="of a bank: one for reads and writes, or one for each"
    )
    layout: Literal["interleaved", "blocked"] = Field(
        default="interleaved",
        description="words lie over the banks in turn, or a bank holds bytes that lie one behind the other",
    )
    weight_bytes: Count | None = Field(
        default=None, description="a region of their own for weights; null: all operands share the bytes"
    )
    activation_bytes: Count | None = Field(default=None, description="as weight_bytes")
    output_bytes: Count | None = Field(
        default=None, description="as weight_bytes: of outputs and partial sums"
    )

    @property
    def is_split(self) -> bool:
        """Whether operands have regions of their own."""
        return self.weight_bytes is not None

    @property
    def regions(self) -> tuple[int, ...]:
        """Bytes of each region: weights, activations, outputs and partial sums; or one for all."""
        split = (self.weight_bytes, self.activation_bytes, self.output_bytes)
        given = tuple(size for size in split if size is not None)
        return given or (self.capacity_bytes,)

    @model_validator(mode="after")
    def _regions_are_the_whole(self) -> "Scratchpad":
        names = ("weight_bytes", "activation_bytes", "output_bytes")
        missing = [name for name in names if getattr(self, name) is None]
        if missing and len(missing) < len(names):
            raise ValueError(f"{missing[0]} must be given where another region's bytes are")
        if sum(self.regions) != self.capacity_bytes:
            raise ValueError(
                f"weight_bytes + activation_bytes + output_bytes must be capacity_bytes, "
                f"{self.capacity_bytes}, not {sum(self.regions)}"
            )
        if self.banks is not None and any(self.banks * size % self.capacity_bytes for size in self.regions):
            raise ValueError(
                f"banks: {self.banks} of {self.capacity_bytes // self.banks} bytes each cannot be divided "
                f"into regions of {', '.join(str(size) for size in self.regions)} bytes"
            )
        return self

    @model_validator(mode="after")
    def _blocks_are_banks_of_regions(self) -> "Scratchpad":
        if self.layout == "interleaved":
            return self
        if not self.is_split:
            raise ValueError(
                "layout must be 'interleaved' where operands share the bytes (no weight_bytes): only one "
                "operand's are freed in the order in which they were reserved"
            )
        if self.banks is None or self.banks > MOST_BLOCKED_BANKS:
            given = "null" if self.banks is None else self.banks
            raise ValueError(
                f"banks must be 1 to {MOST_BLOCKED_BANKS} where layout is 'blocked', not {given}"
            )
        if self.capacity_bytes % self.banks:
            raise ValueError(
                f"banks must divide {self.capacity_bytes} bytes where layout is 'blocked', not {self.banks}"
            )
        return self


class Dma(Part):
    """The engine that moves tiles between DRAM and scratchpad (docs/machine.md)."""

    descriptor_cycles: Annotated[int, Field(ge=0, le=2**20)] = Field(
        default=0, description="cycles that each descriptor of a transfer takes before its first request"
    )
    chunk_bytes: Count | None = Field(
        default=None, description="a transfer is moved in chunks of so many bytes; null: at once"
    )
    outstanding_chunks: Annotated[int, Field(ge=1, le=2**16)] | None = Field(
        default=None, description="chunks under way at once, of fetches and of drains; null: no limit"
    )
    arbitration: Literal["in_order", "drains_first", "fetches_first"] = Field(
        default="in_order", description="which of the chunks that wait for the DRAM goes first"
    )
    operand_order: Annotated[str, Field(min_length=1)] = Field(
        default="together",
        description="a tile's operands are reserved and fetched at once, or one after the other: "
        "weights activations partial_sums, in an order",
    )

    @model_validator(mode="after")
    def _every_operand_has_a_turn(self) -> "Dma":
        words = self.operand_order.split()
        if words != ["together"] and sorted(words) != sorted(OPERANDS):
            raise ValueError(
                f"operand_order must be together or {', '.join(OPERANDS)} in an order, separated by spaces, "
                f"not {self.operand_order!r}"
            )
        return self

    @property
    def parts(self) -> tuple[tuple[int, ...], ...]:
        """Operands (places in OPERANDS) of each part of a fetch, in its order."""
        words = self.operand_order.split()
        if words == ["together"]:
            return (tuple(range(len(OPERANDS))),)
        return tuple((OPERANDS.index(word),) for word in words)
