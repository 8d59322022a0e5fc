"""SCNN's networks on its preset: speed-up over its dense machine (DCNN), and against density.

::

    layer = published shape, independent random zeros at the published densities, one tile
    DCNN  = the same rectangles: ceil(outputs of the largest x K x R x S x C / multipliers of a PE) cycles

Parashar et al., SCNN, ISCA 2017, section VI. Cycles are the array's: DRAM has no part in the ratio.
"""

from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from accelsim.dataflows import DATAFLOWS
from accelsim.hardware import Accelerator, load_hardware
from accelsim.hardware.arrays import CartesianArray, of_kind
from accelsim.network import Layer
from accelsim.plan import tile_boxes, whole
from accelsim.study.published.entry import Band, Entry, Tables
from accelsim.tables import COUNTERS, TILE_CAUSES
from accelsim.units import ceil_div
from accelsim.zoo import workloads_folder
from accelsim.zoo.synthetic import synthetic_layer

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_CHIP = "scnn-64"
SWEPT_NETWORK = "GoogLeNet"
DENSITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
NOTES = (
    "The baseline of a speed-up is DCNN with its own rectangles; over 1024 multipliers that never wait it "
    "would be smaller by what DCNN itself loses at edges.",
    "Zeros are independent: real ones gather in some channels and places, so PEs wait longer for each other "
    "(VGG-16 and GoogLeNet are above the paper's).",
    "The queues before the banks and the rate of halos are not in the paper (pe_array.bank_queue_depth, "
    "halo_elements_per_cycle); the conflicts left are under 1 % of cycles.",
)


@cache
def published_layers() -> "pd.DataFrame":
    """The published rows."""
    import pandas as pd

    return pd.read_csv(workloads_folder() / "published" / "scnn_layers.csv")


def layer_of(row: dict[Any, Any]) -> Layer:
    """A published layer; its plane keeps its size, as all of them do."""
    kernel = row["kernel_h"], row["kernel_w"]
    before = (kernel[0] - 1) // 2, (kernel[1] - 1) // 2
    return Layer(
        name=row["layer"],
        channels=row["channels"],
        filters=row["filters"],
        input_height=row["output_h"],
        input_width=row["output_w"],
        kernel=kernel,
        padding=(*before, kernel[0] // 2, kernel[1] // 2),
    )


def dense_cycles(layer: Layer, chip: Accelerator) -> int:
    """Cycles of the dense machine of the same PEs: dot products, no zero left out."""
    array = of_kind(chip.pe_array, CartesianArray)
    _, p, q, _ = layer.output_shape
    outputs = ceil_div(p, array.rows) * ceil_div(q, array.columns)
    return ceil_div(outputs * layer.dense_macs // (layer.batch * p * q), array.lanes)


def layer_counters(
    layer: Layer, densities: tuple[float, float], chip: Accelerator, seed: int
) -> dict[str, int]:
    """Every counter of a layer as one tile, with independent zeros of these densities."""
    return dict(zip(COUNTERS, _counted(layer, densities, chip, seed), strict=True))


@cache
def _counted(layer: Layer, densities: tuple[float, float], chip: Accelerator, seed: int) -> tuple[int, ...]:
    """The same, in their order; SCNN's tables and those of its energy ask for the same ones."""
    trace = synthetic_layer(layer, *densities, seed, correlated=False)
    dataflow = DATAFLOWS[chip.dataflow]
    counted = dataflow.tile_counters(dataflow.prepare(trace, chip), tile_boxes(whole(layer), layer), chip)[0]
    return tuple(counted.tolist())


def layer_table(seed: int = 0) -> "pd.DataFrame":
    """Each layer's dense and sparse cycles, their ratio, and where the sparse cycles go, in percent."""
    import pandas as pd

    chip = load_hardware(_CHIP)
    rows = []
    for row in published_layers().to_dict("records"):
        layer = layer_of(row)
        densities = row["weight_density_fraction"], row["activation_density_fraction"]
        counted = layer_counters(layer, densities, chip, seed)
        dense, cycles = dense_cycles(layer, chip), counted["compute_cycles"]
        lanes = chip.pe_array.multipliers * cycles
        spent = {cause: counted[f"{cause}_lane_cycles"] for cause in TILE_CAUSES}
        told = {"network": row["network"], "layer": layer.name, "dense_cycles": dense, "cycles": cycles}
        told |= {"speedup": dense / cycles}
        rows.append(told | {f"{cause}_percent": 100 * n / lanes for cause, n in spent.items() if n})
    return pd.DataFrame(rows).fillna(0.0)


def network_table(layers: "pd.DataFrame") -> "pd.DataFrame":
    """Published and our speed-up of each network, difference in percent, shares of cycles in percent."""
    import pandas as pd

    published = pd.read_csv(workloads_folder() / "published" / "scnn_networks.csv")
    speedups = dict(zip(published["network"], published["published_speedup"], strict=True))
    rows = []
    for name, of in layers.groupby("network", sort=False):
        speedup = of["dense_cycles"].sum() / of["cycles"].sum()
        stated = float(speedups[name])
        row = {"network": name, "published_speedup": stated, "speedup": speedup}
        row["difference_percent"] = 100 * (speedup / stated - 1)
        for cause in ("mac", "lane_idle", "conflict", "imbalance", "unmapped", "drain_wait"):
            share = of[f"{cause}_percent"] * of["cycles"]
            row[f"{cause}_percent"] = share.sum() / of["cycles"].sum()
        rows.append(row)
    return pd.DataFrame(rows)


def density_table(seed: int = 0, densities: tuple[float, ...] = DENSITIES) -> "pd.DataFrame":
    """Speed-up of one network over its dense machine, weights and activations of the same density."""
    import pandas as pd

    chip = load_hardware(_CHIP)
    rows = []
    layers = [
        layer_of(row) for row in published_layers().to_dict("records") if row["network"] == SWEPT_NETWORK
    ]
    dense = sum(dense_cycles(layer, chip) for layer in layers)
    for density in densities:
        cycles = sum(
            layer_counters(layer, (density, density), chip, seed)["compute_cycles"] for layer in layers
        )
        rows.append({"network": SWEPT_NETWORK, "density_fraction": density, "speedup": dense / cycles})
    return pd.DataFrame(rows)


def crossing(table: "pd.DataFrame") -> float:
    """The density at which the sparse machine is as fast as the dense one, between two of the swept."""
    swept = zip(table["density_fraction"].tolist(), table["speedup"].tolist(), strict=True)
    for (low, faster), (high, slower) in pairwise(swept):
        if faster >= 1 > slower:
            return float(low + (faster - 1) / (faster - slower) * (high - low))
    return float("nan")


def claims_table(sweep: "pd.DataFrame") -> "pd.DataFrame":
    """What the paper says of its density sweep, beside ours."""
    import pandas as pd

    at = sweep.set_index("density_fraction")["speedup"]
    told = (
        ("density at which SCNN and DCNN are as fast", 0.85, crossing(sweep)),
        ("speed-up at densities of 0.1", 24.0, float(at[0.1])),
        ("speed-up at densities of 1", 0.79, float(at[1.0])),
    )
    rows = [
        {"claim": what, "published": stated, "ours": ours, "difference_percent": 100 * (ours / stated - 1)}
        for what, stated, ours in told
    ]
    return pd.DataFrame(rows)


def _tables(seed: int) -> Tables:
    layers, sweep = layer_table(seed), density_table(seed)
    claims = claims_table(sweep)
    return {"networks": network_table(layers), "claims": claims, "layers": layers, "densities": sweep}


def _figures(tables: Tables) -> "dict[str, tuple[Figure, pd.DataFrame]]":
    from accelsim.plots import curves

    sweep = tables["densities"]
    labels = {
        "density_fraction": "density of weights and of activations",
        "speedup": "speed-up over the dense machine (DCNN)",
    }
    figure = curves(
        sweep, "density_fraction", "speedup", "network", labels, logarithmic=True, level=1, title=_CHIP
    )
    return {"densities": (figure, sweep)}


ENTRY = Entry(
    title="speed-up of SCNN over its dense machine on three networks, and against density",
    source="Parashar et al., SCNN: An Accelerator for Compressed-sparse Convolutional Neural Networks, ISCA "
    "2017, section VI",
    tables=_tables,
    notes=NOTES,
    bands=(Band("networks", "difference_percent", -10, 20),),
    figures=_figures,
)
