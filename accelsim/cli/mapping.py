"""map."""

import json
from pathlib import Path

import typer

from accelsim.cli.app import JSON, OBJECTIVE, app, guarded, objective_of, show, steps, wrapped
from accelsim.cli.runs import open_trace

_MOST_PLANS = 12  # of a Pareto set that is printed


@app.command("map")
@guarded
def map_plans(
    trace: Path = typer.Argument(help=".safetensors, .npz or folder of .npy"),
    hardware: str = typer.Option("both-skip-16x16", "--hardware", help="a shipped chip or a YAML file"),
    overrides: list[str] = typer.Option([], "--set", metavar="KEY=VALUE", help="override a key of the chip"),
    layer: list[str] = typer.Option([], "--layer", help="a layer (default: all)"),
    fix: list[str] = typer.Option(
        [], "--fix", metavar="KEY=VALUE", help="tile_k=64, order=NKPQC, resident=weights+outputs or none, ..."
    ),
    objective: str = OBJECTIVE,
    out: Path = typer.Option(Path("results/map"), "--out", help="folder of plans, table and picture"),
    seed: int = typer.Option(0, "--seed", min=0, help="of drawn outputs"),
    as_json: bool = JSON,
) -> None:
    """The best plan of each layer, and the plans that none dominates: DRAM bytes, cycles, energy."""
    from accelsim.hardware import load_hardware
    from accelsim.plan_file import fixed_parts
    from accelsim.study.mapping import map_layers, plans_table, write_plans

    fixed, chosen_for = fixed_parts(fix), objective_of(objective)
    chip, opened = load_hardware(hardware, overrides), open_trace(trace)
    with steps(trace.stem, len(layer) or len(opened.layers)) as progress:
        mapped = map_layers(
            opened, chip, layer, objective=chosen_for, fixed=fixed, seed=seed, progress=progress
        )
    table = plans_table(mapped)
    files = write_plans(mapped, out)
    if as_json:
        plans = json.loads(table.to_json(orient="records"))
        show({"chip": chip.name, "objective": objective, "plans": plans, "files": [str(f) for f in files]})
        return
    print(f"the best for {objective} on {chip.name}; predicted: DRAM bytes exactly, the rest by a sample")
    print(wrapped(table[table["plan"] == "best"].drop(columns="plan")), end="")
    if unproven := [layer.best.timed for layer in mapped if not layer.best.proven]:
        print(
            f"{len(unproven)} of {len(mapped)} layers: the best of up to {max(unproven)} plans that the "
            "whole machine timed; no proof that no other is better"
        )
    for name, rows in table[table["plan"] == "pareto"].groupby("layer", sort=False):
        if layer:
            shown = rows.drop(columns=["layer", "plan"])
            print(f"\n{name}: {len(rows)} plans that none dominates")
            print(wrapped(shown.head(_MOST_PLANS)), end="")
            if len(rows) > _MOST_PLANS:
                print(f"... and {len(rows) - _MOST_PLANS} more in {files[-1]}")
    print("\n".join(str(path) for path in files))
