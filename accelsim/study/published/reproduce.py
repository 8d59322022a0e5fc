"""Published tables as commands: published, ours, difference, reason."""

from pathlib import Path

from accelsim.errors import InputError
from accelsim.study.published import (
    chen,
    deep_compression,
    dram_bench,
    edge_engine,
    eie,
    energy_checks,
    eyeriss,
    scnn,
    tpuv1,
    two_of_four,
)
from accelsim.study.published.entry import Entry, Tables


def _deep_compression(seed: int) -> Tables:
    layers = deep_compression.layer_table(seed)
    return {"layers": layers, "networks": deep_compression.network_table(layers)}


ENTRIES = {
    "chen-hpca2020": chen.ENTRY,
    "deep-compression": Entry(
        title="compression rates of four networks, by layer, with and without Huffman codes",
        source="Han, Mao and Dally, Deep Compression, ICLR 2016 (arXiv:1510.00149), Tables 1 to 5",
        tables=_deep_compression,
    ),
    "dram": dram_bench.ENTRY,
    "edge-engine": edge_engine.ENTRY,
    "eie": eie.ENTRY,
    "energy": energy_checks.ENTRY,
    "eyeriss": eyeriss.ENTRY,
    "scnn": scnn.ENTRY,
    "two-of-four": two_of_four.ENTRY,
    "tpu-v1": Entry(
        title="TeraOps/s of the fully connected and recurrent applications of TPUv1; printed, not judged",
        source="Jouppi et al., In-Datacenter Performance Analysis of a Tensor Processing Unit, ISCA 2017, "
        "Tables 1 and 3",
        tables=lambda seed: {"applications": tpuv1.performance_table(seed)},
        notes=tpuv1.NOTES,
    ),
}


def reproduce(name: str, seed: int = 0, out: Path | None = None) -> Tables:
    """The tables of one entry; with `out`, also as `<name>-<table>.csv` there, and its pictures.

    Raises
    ------
    InputError
        If there is no such entry, or a file cannot be written.
    """
    if name not in ENTRIES:
        raise InputError(f"nothing to reproduce is called {name!r}; there are: {', '.join(ENTRIES)}")
    entry = ENTRIES[name]
    tables = entry.tables(seed)
    if out is not None:
        from accelsim.files import write_whole
        from accelsim.plots.save import csv_bytes, save

        drawn = entry.figures(tables) if entry.figures else {}
        for table, rows in tables.items():
            if table not in drawn:
                write_whole(out / f"{name}-{table}.csv", csv_bytes(rows))
        for picture, (figure, rows) in drawn.items():
            save(figure, out / f"{name}-{picture}", rows)
    return tables
