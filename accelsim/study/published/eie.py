"""EIE's nine layers on its preset: theoretical and actual time, and how they scale.

::

    layer  = independent random zeros at Table III's densities, 15 shared weights, one activation vector
    actual = cycles of the whole layer / clock             # weights on chip, as in the paper
    theoretical = entries of its columns (padding zeros too) / PEs / clock

Han et al., EIE, ISCA 2016 (arXiv:1602.01528), Tables III and IV, Figures 8 and 11.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.dataflows import column_broadcast
from accelsim.errors import UnsupportedLayerError
from accelsim.hardware import Accelerator, load_hardware
from accelsim.hardware.arrays import ColumnBroadcastArray, of_kind
from accelsim.plan import tile_boxes, whole
from accelsim.results import LayerResult
from accelsim.simulation import simulate
from accelsim.study.published.entry import Band, Entry, Tables
from accelsim.tables import COUNTERS
from accelsim.trace import LayerTrace, from_arrays
from accelsim.zoo import workloads_folder

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_CHIP = "eie-64"
# VGG-6 with its padding zeros is more than 64 x 128 KiB hold; the paper keeps each layer on chip.
_ROOM = "scratchpad.capacity_bytes=67108864"
SEEDS = 5
Drawn = Mapping[tuple[str, int], LayerTrace]  # by layer and seed
_NONE_DRAWN: Drawn = MappingProxyType({})
DEPTHS = (1, 3, 7, 15, 31, 63, 127, 255)
_DRAWN_AT_ONCE = 1 << 16
PES = ((1, 1), (1, 2), (2, 2), (2, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 16))
NOTES = (
    "Its Table III densities and Table IV times come from different inputs: Alex-8's time asks for a fifth "
    "more work than its densities give.",
    "Theoretical time counts padding zeros (one after 15 zeros in a column of a PE); real layers, whose "
    "zeros are less even than independent ones, have more of them. VGG-6, at 4 %, has most.",
    "Real layers are less balanced over the PEs than random ones: ours wait less, above all in VGG-6 and "
    "NT-LSTM.",
    "The scratchpad is given room for a whole layer: the paper keeps weights on chip, and DRAM has no part "
    "in its times.",
)


@cache
def layers() -> "pd.DataFrame":
    """The published rows."""
    import pandas as pd

    return pd.read_csv(workloads_folder() / "published" / "eie_layers.csv")


def layer_trace(row: dict[Any, Any], seed: int) -> LayerTrace:
    """A layer of its size with random zeros at its densities; weights take 15 values and zero."""
    generator = np.random.default_rng([seed, row["outputs"], row["inputs"]])
    weights = generator.integers(1, 16, (row["outputs"], row["inputs"]), np.int8)
    # The same numbers as of one call, but in the processor's cache.
    for filters in np.array_split(weights, max(1, weights.size // _DRAWN_AT_ONCE)):
        filters *= generator.random(filters.shape, np.float32) < row["weight_percent"] / 100
    activations = generator.integers(1, 255, (1, row["inputs"]), np.uint8)
    activations *= generator.random(activations.shape, np.float32) < row["activation_percent"] / 100
    return from_arrays(weights, activations, name=row["layer"])


def _trace(row: dict[Any, Any], seed: int, drawn: Drawn) -> LayerTrace:
    """The one of all tables, or a new one."""
    return drawn.get((row["layer"], seed)) or layer_trace(row, seed)


def run(trace: LayerTrace, chip: Accelerator) -> LayerResult:
    """The whole layer as one tile, weights on chip."""
    result = simulate(trace, chip, plans={trace.layer.name: whole(trace.layer)}, toggles="off", threads=1)
    return result.layer_results[0]


def counters(trace: LayerTrace, chips: Iterable[Accelerator]) -> list[dict[str, int]]:
    """Every counter of the whole layer as one tile on each chip; nothing is planned, fetched or priced.

    Columns are counted once for chips that follow each other and whose PEs hold the same ones.

    Parameters
    ----------
    chips : which store weights alike, so that the first one's word holds whether they can

    Raises
    ------
    UnsupportedLayerError
        If the first chip cannot run the layer.
    """
    boxes = tile_boxes(whole(trace.layer), trace.layer)
    prepared: dict[tuple[int, int], column_broadcast.Prepared] = {}
    found: list[dict[str, int]] = []
    for chip in chips:
        array = of_kind(chip.pe_array, ColumnBroadcastArray)
        held = array.multipliers, array.cell_filters
        if not found and (reason := column_broadcast.refusal(trace, chip)):
            raise UnsupportedLayerError(f"{trace.layer.name}: {reason}")
        if held not in prepared:
            prepared = {held: column_broadcast.prepare(trace, chip)}
        counted = column_broadcast.tile_counters(prepared[held], boxes, chip)[0]
        found.append(dict(zip(COUNTERS, counted.tolist(), strict=True)))
    return found


def wallclock_table(seeds: Iterable[int] = range(SEEDS), drawn: Drawn = _NONE_DRAWN) -> "pd.DataFrame":
    """Table IV's rows for EIE: published, ours (mean over seeds) and their difference in percent.

    Columns: layer; published, our and difference of theoretical_us, actual_us and their ratio; least and
    largest ratio of a seed.
    """
    import pandas as pd

    chip = load_hardware(_CHIP, [_ROOM])
    rows = []
    for row in layers().to_dict("records"):
        times = np.array([_times(_trace(row, seed, drawn), chip) for seed in seeds])
        theoretical, actual = times.mean(axis=0).tolist()
        ratios = times[:, 0] / times[:, 1]
        published = {"theoretical_us": row["theoretical_us"], "actual_us": row["actual_us"]}
        published["ratio"] = published["theoretical_us"] / published["actual_us"]
        ours = {"theoretical_us": theoretical, "actual_us": actual, "ratio": float(ratios.mean())}
        told = {"layer": row["layer"]}
        for name, value in ours.items():
            told |= {f"published_{name}": published[name], name: value}
            told[f"{name}_difference_percent"] = 100 * (value / published[name] - 1)
        rows.append(told | {"ratio_least": float(ratios.min()), "ratio_largest": float(ratios.max())})
    return pd.DataFrame(rows)


def _times(trace: LayerTrace, chip: Accelerator) -> tuple[float, float]:
    """(theoretical, actual) time in us."""
    (totals,) = counters(trace, [chip])
    ideal_cycles = totals["done_macs"] / chip.pe_array.multipliers
    return ideal_cycles / chip.clock_mhz, totals["compute_cycles"] / chip.clock_mhz


def depth_table(seed: int = 0, drawn: Drawn = _NONE_DRAWN) -> "pd.DataFrame":
    """Load balance against the depth of the queues: the share of PE cycles that work on an entry."""
    settings = {depth + 1: [f"pe_array.queue_depth={depth}"] for depth in DEPTHS}
    return _scaling(seed, settings, "queue_entries", drawn)


def pe_table(seed: int = 0, drawn: Drawn = _NONE_DRAWN) -> "pd.DataFrame":
    """Speed-up over one PE, load balance, and padding zeros, against the number of PEs."""
    settings = {
        rows * columns: [
            f"pe_array.rows={rows}",
            f"pe_array.columns={columns}",
            # A layer's sums fit whatever the number of PEs, as the paper keeps them.
            f"pe_array.accumulators={4096 // (rows * columns)}",
            f"postprocessor.drain_elements_per_cycle={4 * rows * columns}",
        ]
        for rows, columns in PES
    }
    table = _scaling(seed, settings, "pes", drawn)
    one = table[table["pes"] == 1].set_index("layer")["compute_cycles"]
    table["speedup"] = table["layer"].map(one) / table["compute_cycles"]
    return table


def _scaling(seed: int, settings: dict[int, list[str]], axis: str, drawn: Drawn) -> "pd.DataFrame":
    import pandas as pd

    chips = [load_hardware(_CHIP, [_ROOM, *overrides]) for overrides in settings.values()]
    rows = []
    for row in layers().to_dict("records"):
        found = counters(_trace(row, seed, drawn), chips)
        for value, chip, totals in zip(settings, chips, found, strict=True):
            pe_cycles = chip.pe_array.multipliers * totals["compute_cycles"]
            rows.append(
                {
                    "layer": row["layer"],
                    axis: value,
                    "compute_cycles": totals["compute_cycles"],
                    "load_balance_fraction": totals["done_macs"] / pe_cycles,
                    "padding_fraction": totals["encoding_padding_macs"] / totals["done_macs"],
                }
            )
    return pd.DataFrame(rows)


def _tables(seed: int) -> Tables:
    drawn = {(row["layer"], seed): layer_trace(row, seed) for row in layers().to_dict("records")}
    return {
        "wallclock": wallclock_table(range(seed, seed + SEEDS), drawn),
        "queues": depth_table(seed, drawn),
        "pes": pe_table(seed, drawn),
    }


def _figures(tables: Tables) -> "dict[str, tuple[Figure, pd.DataFrame]]":
    from accelsim.plots import curves

    queues, pes = tables["queues"], tables["pes"]
    labels = {
        "queue_entries": "entries of a PE's queue",
        "load_balance_fraction": "share of PE cycles that work on an entry",
        "pes": "PEs",
        "speedup": "speed-up over one PE",
    }
    return {
        "queues": (
            curves(
                queues, "queue_entries", "load_balance_fraction", "layer", labels, limits=(0, 1), title=_CHIP
            ),
            queues,
        ),
        "pes": (
            curves(pes, "pes", "speedup", "layer", labels, logarithmic=True, ideal=True, title=_CHIP),
            pes,
        ),
    }


ENTRY = Entry(
    title="theoretical and actual time of EIE's nine layers; queue depth and number of PEs",
    source="Han et al., EIE: Efficient Inference Engine on Compressed Deep Neural Network, ISCA 2016, "
    "Tables III and IV",
    tables=_tables,
    notes=NOTES,
    bands=(
        Band("wallclock", "ratio_difference_percent", -15, 15),
        Band("wallclock", "ratio_difference_percent", 0, 6, "median of absolutes"),
        Band("wallclock", "theoretical_us_difference_percent", -20, 20),
        Band("wallclock", "actual_us_difference_percent", -30, 30),
    ),
    figures=_figures,
)
