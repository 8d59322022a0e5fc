"""The keys of a chip's file, by dataflow."""

from pydantic import BaseModel

from accelsim.hardware import ARRAYS, Accelerator


def keys(dataflow: str, part: type[BaseModel] = Accelerator, prefix: str = "") -> list[str]:
    """All dotted keys of values (not of parts)."""
    found: list[str] = []
    for name, field in part.model_fields.items():
        kind = ARRAYS[dataflow] if name == "pe_array" else field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found += keys(dataflow, kind, f"{prefix}{name}.")
        elif not field.exclude:
            found.append(prefix + name)
    return found
