"""PEs of a run as tables: what each does, and how uneven they are in each layer."""

from typing import TYPE_CHECKING

from accelsim.errors import InputError
from accelsim.hardware.arrays import SystolicArray
from accelsim.plots.run import RunTables

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.hardware import Accelerator

PE_COLUMNS = ("layer", "part", "row", "column", "mac_lane_cycles", "slot_lane_cycles")

_AXES = {
    "inner_join": ("filter", "output position"),
    "structured": ("filter", "output position"),
    "row_stationary": ("filter row of a set", "output row of a set"),
    "csc_row_stationary": ("filter row of a set", "output row of a set"),
    "column_broadcast": ("PE number / columns", "PE number mod columns"),
    "cartesian": ("band of input rows", "band of input columns"),
}
_SYSTOLIC_AXES = {
    "weights": ("tap and channel", "filter"),
    "activations": ("tap and channel", "output position"),
    "outputs": ("output position", "filter"),
}


def pe_axes(chip: "Accelerator") -> tuple[str, str]:
    """What falls on a row of PEs and on a column, of the chip's dataflow (docs/heatmap.md)."""
    if isinstance(chip.pe_array, SystolicArray):
        return _SYSTOLIC_AXES[chip.pe_array.stationary]
    return _AXES[chip.dataflow]


def with_utilisation(run: RunTables, pes: "pd.DataFrame") -> "pd.DataFrame":
    """The PEs with `utilisation_fraction`: effectual lane-cycles / (lanes x cycles of the layer).

    Parameters
    ----------
    pes : one row per layer and PE: columns `PE_COLUMNS`, over all inputs

    Raises
    ------
    InputError
        If the PEs are not those of this run: a layer's do not add up to what the run counted.
    """
    sums = run.layers.groupby("layer", sort=False)[["cycles", "mac_lane_cycles"]].sum()
    counted = pes.groupby("layer", sort=False)["mac_lane_cycles"].sum()
    if not set(counted.index) <= set(sums.index) or (counted != sums["mac_lane_cycles"][counted.index]).any():
        raise InputError(f"{run.title}: these PEs are of another run; `accelsim heatmap` counts them again")
    lanes = int(getattr(run.chip.pe_array, "lanes", 1))
    cycles = pes["layer"].map(sums["cycles"])
    return pes.assign(utilisation_fraction=pes["mac_lane_cycles"] / (lanes * cycles))


def balance_table(run: RunTables, pes: "pd.DataFrame") -> "pd.DataFrame":
    """One row per layer, the most uneven first: by `uneven_lane_cycles`.

    Columns: `layer`, `pes` (all of the array), `idle_pes` (that meet no pair), `least_fraction`,
    `mean_fraction`, `most_fraction` (of the PEs' utilisation, idle ones included), `most_over_mean`, and
    `uneven_lane_cycles`: those that the others would do more if all did as the busiest does.

    Parameters and errors as `with_utilisation`.
    """
    import numpy as np
    import pandas as pd

    every = run.chip.pe_array.multipliers // int(getattr(run.chip.pe_array, "lanes", 1))
    rows = []
    for layer, those in with_utilisation(run, pes).groupby("layer", sort=False):
        done = those["mac_lane_cycles"].to_numpy()
        used = those["utilisation_fraction"].to_numpy()
        mean = used.sum() / every
        rows.append(
            {
                "layer": layer,
                "pes": every,
                "idle_pes": every - int(np.count_nonzero(done)),
                "least_fraction": float(used.min()) if len(used) == every else 0.0,
                "mean_fraction": float(mean),
                "most_fraction": float(used.max()),
                "most_over_mean": float(used.max() / mean) if mean else float("nan"),
                "uneven_lane_cycles": int(done.max()) * every - int(done.sum()),
            }
        )
    columns = ["layer", "pes", "idle_pes", "least_fraction", "mean_fraction", "most_fraction"]
    table = pd.DataFrame(rows, columns=[*columns, "most_over_mean", "uneven_lane_cycles"])
    return table.sort_values("uneven_lane_cycles", ascending=False, kind="stable", ignore_index=True)
