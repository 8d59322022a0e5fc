"""prune, quantise, share."""

from pathlib import Path
from typing import TYPE_CHECKING, cast

import typer

from accelsim.cli.app import JSON, app, guarded, show, wrapped
from accelsim.cli.runs import open_trace
from accelsim.errors import InputError

if TYPE_CHECKING:
    from accelsim.trace import NetworkTrace


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
    from accelsim.compress.prune import Structure, prune_globally, prune_network

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
    _finish(opened, pruned, out, as_json)


@app.command("quantise")
@guarded
def quantise(
    trace: Path = typer.Argument(help=".safetensors or .npz"),
    out: Path = typer.Option(..., "--out", help="the trace to write, .safetensors"),
    bits: int = typer.Option(..., "--bits", help="of weights: 8, 4 or 2"),
    as_json: bool = JSON,
) -> None:
    """Put a trace's weights on a grid of fewer bits, per filter."""
    from accelsim.compress.quantise import quantise_weights

    opened = open_trace(trace)
    _finish(opened, quantise_weights(opened, bits), out, as_json)


@app.command("share")
@guarded
def share(
    trace: Path = typer.Argument(help=".safetensors or .npz"),
    out: Path = typer.Option(..., "--out", help="the trace to write, .safetensors"),
    bits: int = typer.Option(..., "--bits", help="of the codebook's index, 1 to 8"),
    initialisation: str = typer.Option("linear", "--initialisation", help="linear, density or random"),
    seed: int = typer.Option(0, "--seed", min=0, help="of random initialisation"),
    as_json: bool = JSON,
) -> None:
    """Share a trace's weights by k-means codebooks, one per layer."""
    from accelsim.compress.share import Initialisation, share_weights

    opened = open_trace(trace)
    _finish(opened, share_weights(opened, bits, cast(Initialisation, initialisation), seed), out, as_json)


def _finish(before: "NetworkTrace", after: "NetworkTrace", out: Path, as_json: bool) -> None:
    """Write a compressed trace, and say what it lost and saved."""
    from accelsim.compress.changes import weight_changes
    from accelsim.trace import write

    write(after, out)
    rows = weight_changes(before, after)
    if as_json:
        show({"trace": str(out), "network": after.network.name, "layers": rows})
        return
    import pandas as pd

    table = pd.DataFrame(rows)
    print(wrapped(table), end="")
    was, now = table["bitmask_before_bytes"].sum(), table["bitmask_after_bytes"].sum()
    print(f"{after.network.name}: {was} to {now} bytes of weights as bitmask")
    print(f"{after.network.provenance['parameters']}\n{out}")
