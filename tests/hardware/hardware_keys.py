"""The keys of a chip's file, by dataflow and model of the DRAM."""

from pydantic import BaseModel

from accelsim.hardware import ARRAYS, DRAMS, Accelerator


def keys(
    dataflow: str, part: type[BaseModel] = Accelerator, prefix: str = "", dram: str = "bandwidth"
) -> list[str]:
    """All dotted keys of values (not of parts)."""
    found: list[str] = []
    for name, field in part.model_fields.items():
        kind = {"pe_array": ARRAYS[dataflow], "dram": DRAMS[dram]}.get(prefix + name, field.annotation)
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += keys(dataflow, kind, f"{prefix}{name}.", dram)
        elif not field.exclude:
            found.append(prefix + name)
    return found
