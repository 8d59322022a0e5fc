"""ceilings, roofline, cache-study, compression."""

import json
from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING

import typer

from accelsim.cli.app import JSON, TOGGLES, app, guarded, show, steps, toggling_of, wrapped
from accelsim.cli.inputs import SET
from accelsim.errors import InputError, listed

if TYPE_CHECKING:
    from accelsim.study.compression import CompressionStudy

_CACHE_LAYERS = ("conv1_2", "conv3_2", "conv5_2")  # of VGG-16: large maps, the middle, many filters


@app.command("ceilings")
@guarded
def ceilings(
    seconds: float = typer.Option(2.0, "--seconds", help="for each measurement"),
    out: Path | None = typer.Option(None, "--out", help="CSV file for `roofline --cpu`"),
    as_json: bool = JSON,
) -> None:
    """Measure this machine's CPU: 8-bit operations and memory bytes a second, one core and all."""
    from accelsim.files import write_whole
    from accelsim.plots.save import csv_bytes
    from accelsim.study.ceilings import measured_ceilings

    with steps("measuring") as progress:
        table = measured_ceilings(seconds, progress)
    if out is not None:
        write_whole(out, csv_bytes(table))
    if as_json:
        show(json.loads(table.to_json(orient="records")))
        return
    text = table.assign(int8_tops=table["int8_tops"].map("{:.3f}".format))
    print(wrapped(text[["cpu", "vnni", "cores", "int8_tops", "memory_gb_per_s"]]), end="")
    print(f"{table['method'].iloc[0]}\n{table['versions'].iloc[0]}, {table['date'].iloc[0]}")
    if out is not None:
        print(out)


@app.command("roofline")
@guarded
def roofline(
    before: Path = typer.Argument(help="folder of a finished run"),
    after: Path | None = typer.Argument(None, help="folder of another: of the compressed network, say"),
    out: Path = typer.Option(Path("results/roofline"), "--out", help="picture and data: without ending"),
    cpu: str = typer.Option("shipped", "--cpu", help="a file of `ceilings --out`, `shipped`, or `none`"),
    as_json: bool = JSON,
) -> None:
    """Layers under the ceilings that bind them; of two runs, before and after; beside a measured CPU."""
    from accelsim import plots
    from accelsim.report import read_run
    from accelsim.study.ceilings import read_ceilings, shipped_ceilings

    measured = None
    if cpu != "none":
        measured = shipped_ceilings() if cpu == "shipped" else read_ceilings(Path(cpu))
    was = read_run(before)
    if after is None:
        table, figure = plots.roofline_table(was), plots.roofline(was, measured)
        shown = ["layer", "dense_operations_per_byte", "effective_tops", "skipping_ceiling_tops"]
        shown += ["dram_ceiling_tops", "scratchpad_ceiling_tops", "ceiling", "ceiling_fraction"]
    else:
        now = read_run(after)
        table, figure = plots.roofline_change_table(was, now), plots.roofline_change(was, now, measured)
        shown = ["layer", "speedup"]
        for column in ("dense_operations_per_byte", "effective_tops", "ceiling", "ceiling_fraction"):
            shown += [f"before_{column}", f"after_{column}"]
    files = plots.save(figure, out, table)
    if as_json:
        rows = json.loads(table.to_json(orient="records"))
        show({"layers": rows, "files": [str(path) for path in files]})
        return
    print(wrapped(table[shown]), end="")
    print("\n".join(str(path) for path in files))


@app.command("cache-study")
@guarded
def cache_study(
    network: str = typer.Argument("vgg16", help="a trace's file, or a network of `workloads list`"),
    layers: list[str] = typer.Option([], "--layer", help="layers (default: three of VGG-16)"),
    hardware: str = typer.Option("both-skip-16x16", "--hardware", help="a shipped chip or a YAML file"),
    overrides: list[str] = SET,
    line_bytes: int = typer.Option(64, "--line-bytes", help="of a cache line"),
    ways: int = typer.Option(8, "--ways", help="lines of a set"),
    seed: int = typer.Option(0, "--seed", min=0, help="of random replacement and of synthetic zeros"),
    out: Path = typer.Option(Path("results/cache"), "--out", help="folder of the table and the picture"),
    as_json: bool = JSON,
) -> None:
    """Why no cache: layers through caches of the scratchpad's size, and through the scratchpad."""
    from accelsim.hardware import load_hardware
    from accelsim.plots import save
    from accelsim.plots.cache import cache as drawn
    from accelsim.study.cache_study import Cache, cache_study
    from accelsim.study.traces import open_network

    chip = load_hardware(hardware, overrides)
    wanted = layers or (list(_CACHE_LAYERS) if network == "vgg16" else [])
    if not wanted:
        raise InputError(f"{network}: --layer must name the layers to study")
    caches = [
        Cache(line_bytes=line_bytes, ways=ways, replacement=replacement, prefetch=prefetch, seed=seed)
        for replacement in ("lru", "random")
        for prefetch in (False, True)
    ]
    for cache in caches:
        cache.sets(chip)  # wrong input is told before a network is made
    trace = open_network(network, seed)
    with steps("layers", len(wanted)) as progress:
        done = cache_study(trace, wanted, chip, caches, progress=progress)
    title = f"{trace.network.name} on {chip.name}: {ways} ways, lines of {line_bytes} bytes"
    files = save(drawn(done.table, title), out / "cache", done.table)
    if as_json:
        rows = json.loads(done.table.to_json(orient="records"))
        show({"rows": rows, "files": [str(path) for path in files]})
        return
    table = done.table.assign(
        dram_mb=done.table["dram_bytes"] / 1e6,
        miss_percent=100 * done.table["miss_fraction"],
        memory_uj=done.table["memory_pj"] / 1e6,
        tag_uj=done.table["tag_pj"] / 1e6,
        tag_bits_percent=100 * done.table["tag_fraction"],
    ).fillna({"replacement": "-", "prefetch": "-"})
    shown = ["layer", "memory", "order", "replacement", "prefetch", "dram_mb", "dram_over_scratchpad"]
    shown += ["miss_percent", "memory_uj", "tag_uj", "memory_over_scratchpad", "tag_bits_percent"]
    print(f"{title}, {chip.scratchpad.capacity_bytes} bytes as the scratchpad\n")
    print(wrapped(table[shown]), end="")
    print(f"\n{done.touches:,} line accesses, {done.touches_per_s / 1e6:.1f} million in a second of one core")
    print("\n".join(str(path) for path in files))


@app.command("compression")
@guarded
def compression(
    networks: list[str] = typer.Argument(
        None, help="traces' files, or networks of `workloads list` (default: pose-detection)"
    ),
    hardware: list[str] = typer.Option([], "--hardware", help="a chip or a YAML file (default: all shipped)"),
    overrides: list[str] = SET,
    density: float = typer.Option(
        0.4, "--density", help="kept weights of networks without zeros of their own"
    ),
    toggles: str = TOGGLES,
    threads: int | None = typer.Option(None, "--threads", min=1, help="layers counted at once"),
    seed: int = typer.Option(0, "--seed", min=0, help="of filled weights, drawn zeros, sampled checks"),
    out: Path = typer.Option(Path("results/compression"), "--out", help="folder of tables and pictures"),
    as_json: bool = JSON,
) -> None:
    """A network uncompressed, quantised, pruned and encoded on every chip: what is gained, and why."""
    from accelsim import plots
    from accelsim.files import write_whole
    from accelsim.hardware import load_hardware, presets
    from accelsim.plots.save import csv_bytes
    from accelsim.study.compression import compression_study
    from accelsim.study.compression_variants import VARIANTS
    from accelsim.study.traces import open_network

    chips, toggling = [load_hardware(name, overrides) for name in hardware or presets()], toggling_of(toggles)
    documents = {}
    for name in networks or ["pose-detection"]:
        trace = open_network(name, seed)
        with steps(trace.network.name, len(chips) * len(VARIANTS)) as progress:
            done = compression_study(
                trace,
                chips,
                density=density,
                toggles=toggling,
                threads=threads,
                seed=seed,
                progress=progress,
            )
        stem = out / done.network
        title = f"{done.network}: against the uncompressed network on the same chip"
        files = [*plots.save(plots.compression(done.table, title), stem / "compression", done.table)]
        write_whole(stem / "kinds.csv", csv_bytes(done.kinds))
        files.append(stem / "kinds.csv")
        documents[name] = {
            "rows": json.loads(done.table.to_json(orient="records")),
            "kinds": json.loads(done.kinds.to_json(orient="records")),
            "left_out": done.left_out,
            "sentences": done.sentences,
            "files": [str(path) for path in files],
        }
        if not as_json:
            _print_compression(done)
            print("\n".join(str(path) for path in files), end="\n\n")
    if as_json:
        show(documents)


def _print_compression(done: "CompressionStudy") -> None:
    wide = done.table.pivot(index="chip", columns="variant")
    table = done.table[done.table["variant"] == "uncompressed"][["chip", "cycles"]].copy()
    table["DRAM-bound_percent"] = (
        100 * wide["dram_bound_fraction"]["uncompressed"].loc[table["chip"]].to_numpy()
    )
    for variant in ("quantised", "pruned", "encoded"):
        table[f"{variant}_x"] = wide["speedup"][variant].loc[table["chip"]].to_numpy()
    for variant in ("quantised", "pruned", "encoded"):
        left = wide["dram_bytes_fraction"][variant].loc[table["chip"]]
        table[f"{variant}_bytes_percent"] = 100 * left.to_numpy()
    table["encoded_energy_percent"] = 100 * wide["energy_fraction"]["encoded"].loc[table["chip"]].to_numpy()
    print(f"{done.network}: against the uncompressed network on the same chip\n")
    print(wrapped(table), end="\n")
    for sentence in done.sentences:
        print(fill(sentence, 110, subsequent_indent="  "))
    for chip, layers in done.left_out.items():
        by_reason: dict[str, list[str]] = {}
        for layer, reason in layers.items():
            by_reason.setdefault(reason.split(": ", 1)[-1], []).append(layer)
        for reason, names in by_reason.items():
            print(fill(f"left out on {chip}: {listed(names)}: {reason}", 110, subsequent_indent="  "))
