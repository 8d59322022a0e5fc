"""`accelsim map`: the best plan of each layer, and all plans that none dominates, as predicted.

::

    layer -> encoded sizes -> best_plan(objective), pareto_plans -> table, plans.csv, picture
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.dataflows import DATAFLOWS
from accelsim.energy import table_of
from accelsim.errors import InputError, UnsupportedLayerError, listed
from accelsim.hardware import Accelerator
from accelsim.mapper.contenders import Price
from accelsim.mapper.encoded import encoded_sizes
from accelsim.mapper.search import best_plan, pareto_plans
from accelsim.plan import NOTHING_FIXED, Fixed, Objective
from accelsim.schedule.reused import nonzero_outputs
from accelsim.trace import NetworkTrace

if TYPE_CHECKING:
    import pandas as pd

_MOST_PANELS = 6


@dataclass(frozen=True, slots=True)
class LayerPlans:
    """What the mapper found for a layer."""

    name: str
    best: Price
    pareto: tuple[Price, ...]


def map_layers(
    trace: NetworkTrace,
    chip: Accelerator,
    layers: Sequence[str] = (),
    *,
    objective: Objective = "cycles",
    fixed: Fixed = NOTHING_FIXED,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> list[LayerPlans]:
    """Plans of a trace's layers (default: all) for its first input.

    Parameters
    ----------
    seed : of drawn outputs, as of a run

    Raises
    ------
    InputError
        If there is no layer of a name.
    UnsupportedLayerError
        If the machine cannot run a layer.
    PlanError
        If no plan fits, or what is fixed cannot cut a layer.
    """
    one = trace.select_input(0) if trace.inputs_count > 1 else trace
    if unknown := sorted(set(layers) - set(one.layers)):
        raise InputError(f"--layer: no layer {', '.join(unknown)}; layers: {listed(sorted(one.layers))}")
    table, dataflow = table_of(chip), DATAFLOWS[chip.dataflow]
    found = []
    for name in layers or one.layers:
        layer = one.layer(name)
        if reason := dataflow.refusal(layer, chip):
            raise UnsupportedLayerError(f"{name}: {chip.name}: {reason}")
        prepared = dataflow.prepare(layer, chip)
        sizes = encoded_sizes(layer, chip, nonzero_outputs(layer, seed)[0], fixed.tile_k)
        best = best_plan(
            prepared, sizes, chip, objective=objective, fixed=fixed, table=table, with_energy=True
        )
        front = pareto_plans(prepared, sizes, chip, fixed=fixed, table=table)
        found.append(LayerPlans(name, best, tuple(front)))
        if progress is not None:
            progress(name)
    return found


def plans_table(mapped: Sequence[LayerPlans]) -> "pd.DataFrame":
    """A row per plan: the best of each layer first, then its Pareto set by DRAM bytes.

    Columns: layer, plan (best, pareto), dram_bytes, cycles, energy_uj, tiles, order, tile_n ... tile_q,
    resident.
    """
    import pandas as pd

    return pd.DataFrame(
        [
            _row(layer.name, kind, price)
            for layer in mapped
            for kind, price in (("best", layer.best), *(("pareto", price) for price in layer.pareto))
        ]
    )


def _row(layer: str, kind: str, price: Price) -> dict[str, Any]:
    plan = price.plan
    return {
        "layer": layer,
        "plan": kind,
        "dram_bytes": price.dram_bytes,
        "cycles": price.cycles,
        "energy_uj": (price.energy_pj or 0.0) / 1e6,
        "tiles": price.tiles,
        "order": plan.order,
        **{f"tile_{letter.lower()}": size for letter, size in plan.sizes().items()},
        "resident": "+".join(sorted(plan.resident)),
    }


def write_plans(mapped: Sequence[LayerPlans], folder: Path) -> list[Path]:
    """plans.csv of the best plans, for `run --plans`; pareto.svg, of the longest layers, and pareto.csv.

    Returns the paths written.
    """
    from accelsim import plots
    from accelsim.files import write_whole
    from accelsim.plan_file import plans_csv

    table = plans_table(mapped)
    longest = sorted(mapped, key=lambda layer: -layer.best.cycles)[:_MOST_PANELS]
    drawn = {layer.name for layer in longest}
    figure = plots.pareto(table[table["layer"].isin(drawn)])
    write_whole(folder / "plans.csv", plans_csv({layer.name: layer.best.plan for layer in mapped}))
    return [folder / "plans.csv", *plots.save(figure, folder / "pareto", table)]
