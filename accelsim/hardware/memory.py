"""The memory on the chip, and the engine that fills it: scratchpad and DMA (docs/machine.md)."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from accelsim.hardware.arrays import Count, Part


class Scratchpad(Part):
    """Software-managed SRAM; no cache."""

    capacity_bytes: Count = Field(description="bytes for operands, partial sums and outputs together")
    word_bytes: Annotated[int, Field(ge=1, le=256)] = Field(description="bytes of one access")
    banks: Annotated[int, Field(ge=1, le=2**20)] | None = Field(
        default=None, description="words lie over them in turn; null: as many as are ever needed at once"
    )
    ports: Literal["shared", "separate"] = Field(
        default="shared", description="of a bank: one for reads and writes, or one for each"
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
