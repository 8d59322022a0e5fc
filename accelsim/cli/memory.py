"""dram list, dram bench."""

import json
from pathlib import Path
from textwrap import fill
from typing import Any

import typer

from accelsim.cli.app import JSON, app, guarded, show, wrapped

dram = typer.Typer(
    no_args_is_help=True, help="DRAM devices, and the banked model beside cycle-level simulators."
)
app.add_typer(dram, name="dram")


@dram.command("list")
@guarded
def list_devices(as_json: bool = JSON) -> None:
    """The shipped devices: peak, closed forms, latency, and on what their numbers rest."""
    from accelsim.hardware.devices import devices, energy_rows, load_device, source_rows

    rows: list[dict[str, Any]] = []
    for name in devices():
        device, numbers = load_device(name), source_rows(name)
        t = device.clocks
        rows.append(
            {
                "device": name,
                "peak_gb_per_s": float(device.peak_gb_per_s),
                "sequential_percent": 100 * float(device.utilisation()),
                "random_percent": 100 * float(device.utilisation(1)),
                "cold_read_ns": float((t["tRCD_read"] + t["CL"] + t["burst"]) * device.clock_ns),
                "burst_bytes": device.burst_bytes,
                "row_bytes": device.row_bytes,
                "banks": device.banks,
                "pseudo_channels": device.pseudo_channels,
                "energy": "yes" if energy_rows(name) else "no",
                "source": numbers[0]["source"]
                + (" (one source)" if numbers[0]["note"] == "one source" else ""),
            }
        )
    if as_json:
        show([row | {"numbers": source_rows(row["device"])} for row in rows])
        return
    import pandas as pd

    print(wrapped(pd.DataFrame(rows).drop(columns="source")), end="")
    for row in rows:
        print(f"{row['device']:<12} {row['source']}")


@dram.command("bench")
@guarded
def bench(
    device: str | None = typer.Option(
        None, "--device", help="hold this device (a name or a .csv file) to the closed forms instead"
    ),
    every_row: bool = typer.Option(False, "--rows", help="print every row, not only the summary"),
    emit: str | None = typer.Option(
        None,
        "--emit",
        metavar="STREAM",
        help="write the requests of a stream (seq_rd, mix_rw, ...) as traces",
    ),
    out: Path = typer.Option(Path("results/dram"), "--out", help="folder of tables and traces"),
    seed: int = typer.Option(0, "--seed", min=0, help="of random addresses"),
    as_json: bool = JSON,
) -> None:
    """Replay the streams of cycle-level simulators: cycles, differences, bands; exit code 1 on a miss."""
    from accelsim.files import write_whole
    from accelsim.plots.save import csv_bytes
    from accelsim.study.published import dram_bench as study

    if emit is not None:
        from accelsim.study.published.dram_emit import emit as emitted

        paths = emitted(emit, device or "ddr4-2400", out, seed)
        if as_json:
            show({"files": [str(path) for path in paths]})
        else:
            print("\n".join(str(path) for path in paths))
        return
    if device is not None:
        table = study.device_table(device, seed)
        misses = [
            f"{r.stream}: {r.difference_percent:+.2f} %" for r in table.itertuples() if r.within == "no"
        ]
        summary = table
    else:
        table = study.stream_table(seed)
        misses, summary = study.stream_misses(table), study.summary_table(table)
    path = out / ("streams.csv" if device is None else "closed_forms.csv")
    write_whole(path, csv_bytes(table))
    if as_json:
        rows = json.loads(table.to_json(orient="records"))
        show({"rows": rows, "outside_of_bands": misses, "files": [str(path)]})
    else:
        print(wrapped(table if every_row else summary), end="")
        if device is None:
            judged = table[table["band_percent"].notna()]["difference_percent"].abs()
            print(
                f"{len(table)} rows, {len(judged)} judged: median {judged.median():.3f} %, "
                f"most {judged.max():.2f} %"
            )
            for note in study.NOTES:
                print(fill(note, 110, subsequent_indent="  "))
        print("every judged row within its band" if not misses else "\n".join(misses))
        print(path)
    if misses:
        raise typer.Exit(1)
