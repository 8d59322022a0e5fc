"""Published tables as commands: published, ours, difference, reason."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from accelsim.errors import InputError
from accelsim.study import deep_compression, tpuv1

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Entry:
    """A published result; `tables` computes ours beside it, by name, from a seed.

    `notes` say what explains the differences of all rows.
    """

    title: str
    source: str
    tables: Callable[[int], "dict[str, pd.DataFrame]"]
    notes: tuple[str, ...] = ()


def _deep_compression(seed: int) -> "dict[str, pd.DataFrame]":
    layers = deep_compression.layer_table(seed)
    return {"layers": layers, "networks": deep_compression.network_table(layers)}


ENTRIES = {
    "deep-compression": Entry(
        title="compression rates of four networks, by layer, with and without Huffman codes",
        source="Han, Mao and Dally, Deep Compression, ICLR 2016 (arXiv:1510.00149), Tables 1 to 5",
        tables=_deep_compression,
    ),
    "tpu-v1": Entry(
        title="TeraOps/s of the fully connected and recurrent applications of TPUv1; printed, not judged",
        source="Jouppi et al., In-Datacenter Performance Analysis of a Tensor Processing Unit, ISCA 2017, "
        "Tables 1 and 3",
        tables=lambda seed: {"applications": tpuv1.performance_table(seed)},
        notes=tpuv1.NOTES,
    ),
}


def reproduce(name: str, seed: int = 0, out: Path | None = None) -> "dict[str, pd.DataFrame]":
    """The tables of one entry; with `out`, also as `<name>-<table>.csv` there.

    Raises
    ------
    InputError
        If there is no such entry, or a file cannot be written.
    """
    if name not in ENTRIES:
        raise InputError(f"nothing to reproduce is called {name!r}; there are: {', '.join(ENTRIES)}")
    tables = ENTRIES[name].tables(seed)
    if out is not None:
        from accelsim.files import write_whole
        from accelsim.plots.save import csv_bytes

        for table, rows in tables.items():
            write_whole(out / f"{name}-{table}.csv", csv_bytes(rows))
    return tables
