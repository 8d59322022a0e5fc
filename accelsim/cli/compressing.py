"""prune."""

from pathlib import Path
from typing import cast

import typer

from accelsim.cli.app import JSON, app, guarded, show, wrapped
from accelsim.cli.runs import open_trace
from accelsim.errors import InputError


def read_schedule(path: Path) -> dict[str, float]:
    """Densities by layer from a YAML file of `layer: density` lines; raises InputError, which names it."""
    import yaml

    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read: {error}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{path}: is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(values, dict) or not values:
        raise InputError(f"{path}: must hold lines of `layer: density`")
    for layer, density in values.items():
        if isinstance(density, bool) or not isinstance(density, int | float) or not 0 <= density <= 1:
            raise InputError(f"{path}: {layer}: density must be within 0..1, not {density!r}")
    return {str(layer): float(density) for layer, density in values.items()}


@app.command("prune")
@guarded
def prune(
    trace: Path = typer.Argument(help=".safetensors or .npz"),
    out: Path = typer.Option(..., "--out", help="the pruned trace to write, .safetensors"),
    density: float | None = typer.Option(None, "--density", help="share of the weights to keep, 0 to 1"),
    schedule: Path | None = typer.Option(None, "--schedule", help="YAML file of `layer: density` lines"),
    globally: bool = typer.Option(False, "--global", help="compare weights of all layers with each other"),
    structure: str = typer.Option(
        "element", "--structure", help="element, vector, block, channel, filter or n_m"
    ),
    size: int = typer.Option(4, "--size", help="of a vector, a block, or a group of n_m"),
    as_json: bool = JSON,
) -> None:
    """Prune a trace's weights by magnitude: a pattern of zeros, no claim of accuracy."""
    from accelsim.compress.changes import weight_changes
    from accelsim.compress.prune import Structure, prune_globally, prune_network
    from accelsim.trace import write

    if (density is None) == (schedule is None):
        raise InputError("prune needs either --density or --schedule")
    if globally and (schedule is not None or structure != "element"):
        raise InputError("--global takes --density and single weights")
    opened = open_trace(trace)
    if globally and density is not None:
        pruned = prune_globally(opened, density)
    else:
        wanted = read_schedule(schedule) if schedule is not None else cast(float, density)
        pruned = prune_network(opened, wanted, cast(Structure, structure), size)
    write(pruned, out)
    rows = weight_changes(opened, pruned)
    if as_json:
        show({"trace": str(out), "network": pruned.network.name, "layers": rows})
        return
    import pandas as pd

    table = pd.DataFrame(rows)
    print(wrapped(table), end="")
    before, after = table["bitmask_before_bytes"].sum(), table["bitmask_after_bytes"].sum()
    print(f"{pruned.network.name}: {before} to {after} bytes of weights as bitmask")
    print(f"{pruned.network.provenance['parameters']}\n{out}")
