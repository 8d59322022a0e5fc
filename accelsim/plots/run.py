"""A run as tables: what every picture and every file of results is made from."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from accelsim.bill import EnergyRow
from accelsim.draws import Line
from accelsim.errors import InputError
from accelsim.hardware import Accelerator
from accelsim.results import NetworkResult
from accelsim.tables import CAUSES, TIMELINE, WORK

if TYPE_CHECKING:
    import pandas as pd

TILE_COLUMNS = ("input", "layer", "tile", *(WORK.names or ()), *(TIMELINE.names or ()))


@dataclass(frozen=True, eq=False, kw_only=True)
class RunTables:
    """A run without its objects: fresh from a result, or read back from a folder.

    Attributes
    ----------
    summary : as `NetworkResult.summary()`
    layers : DataFrame, one row per input and layer, as `NetworkResult.layers`
    energy : DataFrame, one row per input, layer, component and action, as `NetworkResult.energy`
    tiles : DataFrame, one row per input, layer and tile: WORK and TIMELINE, instants from the layer's start
    """

    chip: Accelerator
    network: str
    inputs: int
    summary: dict[str, Any]
    layers: "pd.DataFrame"
    energy: "pd.DataFrame"
    tiles: "pd.DataFrame"

    @property
    def title(self) -> str:
        """Network and chip, as every picture names them."""
        mean = f", mean of {self.inputs} inputs" if self.inputs > 1 else ""
        return f"{self.network} on {self.chip.name}{mean}"

    def lane_cycles(self) -> dict[str, int]:
        """Lane-cycles by cause over all layers and inputs."""
        return {cause: int(self.layers[f"{cause}_lane_cycles"].sum()) for cause in CAUSES}


Run: TypeAlias = NetworkResult | RunTables


def tables_of(run: Run) -> RunTables:
    """The tables of a run; raises InputError for a run without layers."""
    if not isinstance(run, RunTables):
        run = RunTables(
            chip=run.chip,
            network=run.network,
            inputs=run.inputs,
            summary=run.summary() if run.layer_results else {},
            layers=run.layers,
            energy=run.energy,
            tiles=_tiles(run),
        )
    if run.layers.empty:
        raise InputError(f"{run.network} on {run.chip.name}: the run has no layers")
    return run


def _tiles(result: NetworkResult) -> "pd.DataFrame":
    import numpy as np
    import pandas as pd

    frames = []
    for r in result.layer_results:
        if r.work is None or r.timeline is None:
            continue
        frame = pd.concat([pd.DataFrame(r.work), pd.DataFrame(r.timeline)], axis=1)
        # All at once: inserting one by one would copy the frame each time.
        labels = pd.DataFrame({"input": r.input, "layer": r.name, "tile": np.arange(len(frame))})
        frames.append(pd.concat([labels, frame], axis=1))
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(TILE_COLUMNS))


def mean_over_inputs(frame: "pd.DataFrame", columns: list[str], inputs: int) -> "pd.DataFrame":
    """Sum over inputs divided by their number, by layer in order of execution; index `layer`."""
    return frame.groupby("layer", sort=False)[columns].sum() / inputs


def bill_lines(run: RunTables) -> list[Line]:
    """Every line of the bill under the number of its layer (in order of execution), mean over inputs."""
    numbers = {name: i for i, name in enumerate(dict.fromkeys(run.layers["layer"]))}
    names = list(EnergyRow._fields)
    return [
        EnergyRow(*values).line(numbers[layer], run.inputs)
        for layer, *values in run.energy[["layer", *names]].itertuples(index=False)
    ]


def cycles_by_cause(run: RunTables) -> "pd.DataFrame":
    """Cycles of each layer by cause: lane-cycles / multipliers, mean over inputs; columns = CAUSES."""
    columns = [f"{cause}_lane_cycles" for cause in CAUSES]
    table = mean_over_inputs(run.layers, columns, run.inputs) / run.chip.pe_array.multipliers
    return table.set_axis(list(CAUSES), axis=1)
