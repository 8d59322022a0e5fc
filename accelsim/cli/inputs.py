"""What goes in: hardware, trace, import."""

from pathlib import Path

import typer

from accelsim.cli.app import JSON, app, guarded, show

hardware_app = typer.Typer(help="Shipped chips, and files of your own.", no_args_is_help=True)
trace_app = typer.Typer(help="Compressed layer traces.", no_args_is_help=True)
app.add_typer(hardware_app, name="hardware")
app.add_typer(trace_app, name="trace")

SET = typer.Option([], "--set", metavar="KEY=VALUE", help="override a key, such as pe_array.rows=32")


@hardware_app.command("list")
@guarded
def hardware_list(as_json: bool = JSON) -> None:
    """Names of the shipped chips."""
    from accelsim.hardware import load_hardware, presets

    chips = [load_hardware(name) for name in presets()]
    rows = [
        {
            "name": c.name,
            "dataflow": c.dataflow,
            "multipliers": c.pe_array.multipliers,
            "clock_mhz": c.clock_mhz,
            "peak_tops": c.peak_tops,
            "description": c.description,
        }
        for c in chips
    ]
    if as_json:
        show(rows)
        return
    for row in rows:
        print(
            f"{row['name']:<24} {row['dataflow']:<18} {row['peak_tops']:>7.3f} peak TOPS  "
            f"{row['description']}"
        )


@hardware_app.command("show")
@guarded
def hardware_show(
    chip: str = typer.Argument(help="a shipped chip or a YAML file"),
    overrides: list[str] = SET,
    as_json: bool = JSON,
) -> None:
    """A chip as YAML, every key with its meaning: the start of a file of your own."""
    from accelsim.hardware import load_hardware, to_yaml

    loaded = load_hardware(chip, overrides)
    if as_json:
        show(loaded.model_dump())
    else:
        print(to_yaml(loaded), end="")


@hardware_app.command("check")
@guarded
def hardware_check(
    chips: list[str] = typer.Argument(help="YAML files"), overrides: list[str] = SET, as_json: bool = JSON
) -> None:
    """Check files; every error at once, with file, line and key."""
    from accelsim.energy.dram import other_memory
    from accelsim.hardware import hardware_hash, load_hardware

    rows = [
        {"file": c, "name": h.name, "hash": hardware_hash(h), "note": other_memory(h)}
        for c in chips
        for h in [load_hardware(c, overrides)]
    ]
    if as_json:
        show(rows)
        return
    for row in rows:
        print(f"{row['file']}: {row['name']} is right (hash {str(row['hash'])[:12]})")
        if row["note"]:
            print(f"note: {row['note']}")


@hardware_app.command("area")
@guarded
def hardware_area(
    chip: str = typer.Argument(help="a shipped chip or a YAML file"),
    overrides: list[str] = SET,
    as_json: bool = JSON,
) -> None:
    """Area by component at the node of the chip's energy table, and the lengths of wires that follow."""
    from dataclasses import asdict

    from accelsim.energy import area_of, table_of
    from accelsim.hardware import load_hardware

    loaded = load_hardware(chip, overrides)
    area = area_of(loaded, table_of(loaded))
    low, high = area.bounds_mm2
    if as_json:
        show(
            {
                "chip": loaded.name,
                "node_nm": area.node_nm,
                "area_mm2": area.mm2,
                "area_low_mm2": low,
                "area_high_mm2": high,
                "pe_pitch_mm": area.pitch_mm,
                "trunk_mm": area.trunk_mm,
                "components": [asdict(row) for row in area.rows],
            }
        )
        return
    for row in area.rows:
        count = f"{row.count} {row.unit}{'s' * (row.count > 1)}"
        bounds = f"{row.mm2:8.3f} ({row.low_mm2:.3f} to {row.high_mm2:.3f}) mm2"
        print(f"{row.component:<14} {count:<16} {bounds:<38} {row.source}")
    print(f"{loaded.name} at {area.node_nm:g} nm: {area.mm2:.2f} ({low:.2f} to {high:.2f}) mm2, without pads")
    print(f"pitch of a PE {area.pitch_mm:.3f} mm; scratchpad to array {area.trunk_mm:.2f} mm")


@hardware_app.command("schema")
@guarded
def hardware_schema(as_json: bool = JSON) -> None:
    """JSON Schema of a chip's file, for editors."""
    from accelsim.hardware import schema

    show(schema())


@trace_app.command("info")
@guarded
def trace_info(path: Path = typer.Argument(help=".safetensors or .npz"), as_json: bool = JSON) -> None:
    """Layers of a trace: shapes, MACs, densities, bytes dense and encoded."""
    from accelsim.cli.runs import open_trace
    from accelsim.trace import describe

    trace = open_trace(path)
    rows = describe(trace)
    if as_json:
        show(
            {
                "network": trace.network.name,
                "inputs": trace.inputs_count,
                "hash": trace.content_hash,
                "provenance": trace.network.provenance,
                "not_modelled": trace.network.not_modelled,
                "layers": rows,
            }
        )
        return
    import pandas as pd

    print(pd.DataFrame(rows).to_string(index=False))
    print(f"\n{trace.network.name}: {trace.inputs_count} input(s), hash {trace.content_hash[:12]}")
    for key, value in trace.network.provenance.items():
        print(f"{key}: {value}")
    for text in trace.network.not_modelled:
        print(f"not modelled: {text}")
