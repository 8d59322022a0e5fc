"""Finished runs priced again, without simulating: other prices, two designs, one row swept.

::

    energy.csv --counts--> price(counts, chip, another table) --draws--> energies with intervals
    two runs, the same draws: A beats B where its energy is lower; energy is linear in a row's price, so two
    runs meet at one value of it

Cycles and counts are those of the stored run: another node changes prices, not the clock.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from pydantic import ValidationError

from accelsim.bill import ActionCount, EnergyRow
from accelsim.draws import Floats, drawn, interval
from accelsim.energy import EnergyTable, PriceRow, price, table_of
from accelsim.energy.dram import is_derived
from accelsim.errors import InputError
from accelsim.hardware import Accelerator
from accelsim.hardware.model import Energy
from accelsim.plots import RunTables
from accelsim.report import read_run

if TYPE_CHECKING:
    import pandas as pd

DRAWS = 10_000
POINTS = 9
_ROW = re.compile(r"(?P<component>\w+)\.(?P<action>\w+)(@(?P<width>\d+))?(/(?P<unit>\w+))?")


@dataclass(frozen=True, slots=True)
class Repriced:
    """A stored run under other prices; energies are means over its inputs."""

    title: str
    chip: Accelerator
    table: EnergyTable
    layers: tuple[str, ...]
    bill: tuple[tuple[int, EnergyRow], ...]
    inputs: int
    before_pj: float

    def pj(self) -> float:
        """Nominal energy of an inference."""
        return sum(row.pj for _, row in self.bill) / self.inputs

    def draws(self, draws: int = DRAWS, seed: int = 0) -> Floats:
        """float64[draws, layers]: energies of an inference."""
        lines = [row.line(layer, self.inputs) for layer, row in self.bill]
        return drawn(lines, len(self.layers), draws, seed)

    def share_of(self, row: PriceRow) -> float:
        """Nominal energy of an inference that a row prices."""
        return sum(line.pj for _, line in self.bill if line.priced_by == row.place) / self.inputs


@dataclass(frozen=True, slots=True)
class Changes:
    """What is priced differently.

    Attributes
    ----------
    energy : keys of a chip's `energy` and their values: `{"node_nm": 22.0, "dram": "hbm2_2000"}`
    rows : rows of the table and their prices, as `mac.done@8=0.3` or `mac.done@8=0.2,0.3,0.5`
    """

    energy: dict[str, Any] = field(default_factory=dict)
    rows: tuple[str, ...] = ()


def repriced(folder: str | Path, changes: Changes | None = None) -> Repriced:
    """Price a run's folder again.

    Raises
    ------
    InputError
        If the folder is no finished run, or a key, a row or a price is wrong.
    """
    stored = read_run(folder)
    changes = changes or Changes()
    chip = _with_energy(stored.chip, changes.energy)
    table = table_of(chip)
    for text in changes.rows:
        table = _with_row(table, text)
    return _priced(stored, chip, table)


def _priced(stored: RunTables, chip: Accelerator, table: EnergyTable) -> Repriced:
    names = tuple(dict.fromkeys(stored.layers["layer"]))
    numbers = {name: i for i, name in enumerate(names)}
    counts: dict[tuple[str, int], list[ActionCount]] = {}
    columns = ["layer", "input", "component", "action", "count", "unit"]
    for layer, index, *action in stored.energy[columns].itertuples(index=False):
        counts.setdefault((layer, index), []).append(ActionCount(*action))
    bill = [
        (numbers[layer], row)
        for (layer, _), found in counts.items()
        for row in price([a for a in found if not is_derived(a)], chip, table)
    ]
    before = float(stored.energy["pj"].sum()) / stored.inputs
    return Repriced(stored.title, chip, table, names, tuple(bill), stored.inputs, before)


def _with_energy(chip: Accelerator, keys: dict[str, Any]) -> Accelerator:
    if not keys:
        return chip
    try:
        energy = Energy.model_validate(chip.energy.model_dump() | keys)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"energy.{where}: {first['msg']}, not {first['input']!r}") from error
    return chip.model_copy(update={"energy": energy})


def row_named(table: EnergyTable, name: str) -> PriceRow:
    """The one row that `component.action`, with `@width` and `/unit` where needed, names."""
    found = _ROW.fullmatch(name)
    if found is None:
        raise InputError(f"{name!r}: a row is component.action, component.action@width or .../unit")
    rows = [
        row
        for row in table.rows
        if (row.component, row.action) == (found["component"], found["action"])
        and (found["width"] is None or row.width_bits == int(found["width"]))
        and (found["unit"] is None or row.unit == found["unit"])
    ]
    if len(rows) == 1:
        return rows[0]
    if rows:
        listed = ", ".join(f"{r.component}.{r.action}@{r.width_bits}/{r.unit} ({r.place})" for r in rows)
        raise InputError(f"{table.name}: {len(rows)} rows are called {name!r}: {listed}".replace("@None", ""))
    actions = sorted({f"{r.component}.{r.action}" for r in table.rows})
    raise InputError(f"{table.name}: no row is called {name!r}; rows: {', '.join(actions)}")


def _with_row(table: EnergyTable, text: str) -> EnergyTable:
    name, equals, values = text.partition("=")
    try:
        numbers = [float(value) for value in values.split(",")]
    except ValueError:
        numbers = []
    if not equals or len(numbers) not in (1, 3):
        raise InputError(f"--set {text}: must be ROW=PJ or ROW=LOW,PJ,HIGH, as mac.done@8=0.3")
    low, middle, high = numbers * 3 if len(numbers) == 1 else numbers
    if not (0 <= low <= middle <= high < float("inf")):
        raise InputError(f"--set {text}: 0 <= low <= pj <= high must hold")
    return _replaced(table, row_named(table, name), (low, middle, high), f"--set {text}")


def _replaced(
    table: EnergyTable, row: PriceRow, bounds: tuple[float, float, float], place: str
) -> EnergyTable:
    low, middle, high = bounds
    other = replace(row, low_pj=low, pj=middle, high_pj=high, place=place, group=place, source=place)
    return replace(table, rows=tuple(other if r is row else r for r in table.rows))


def layer_table(run: Repriced, draws: int = DRAWS, seed: int = 0) -> "pd.DataFrame":
    """One row per layer and `all`: nominal energy, ends of the 90 % interval and median, uJ an inference."""
    import pandas as pd

    values = run.draws(draws, seed) / 1e6
    nominal = np.zeros(len(run.layers))
    for layer, row in run.bill:
        nominal[layer] += row.pj / run.inputs / 1e6
    columns = np.column_stack([values, values.sum(axis=1)])
    low, middle, high = np.percentile(columns, (5, 50, 95), axis=0)
    return pd.DataFrame(
        {
            "layer": [*run.layers, "all"],
            "energy_uj": [*nominal, nominal.sum()],
            "energy_uj_p05": low,
            "energy_uj_p50": middle,
            "energy_uj_p95": high,
        }
    )


@dataclass(frozen=True, slots=True)
class Duel:
    """Two runs under the same draws: `share` of draws in which the first takes less energy."""

    share: float
    ratio: float
    ratio_p05: float
    ratio_p95: float


def duel(a: Repriced, b: Repriced, draws: int = DRAWS, seed: int = 0) -> Duel:
    """How sure it is that `a` beats `b`; ratios are energy of b / energy of a."""
    ours, theirs = (run.draws(draws, seed).sum(axis=1) for run in (a, b))
    low, high = interval(theirs / ours)
    return Duel(float((ours < theirs).mean()), b.pj() / a.pj(), low, high)


def sweep_table(
    runs: Sequence[Repriced], name: str, ends: tuple[float, float] | None = None
) -> "pd.DataFrame":
    """Energy of each run, uJ an inference, against the price of one row; others stay nominal.

    Columns: `price_pj` and `<A or B>_uj`. Without `ends` from the row's low to its high, or half to double.
    """
    import pandas as pd

    row = row_named(runs[0].table, name)
    if ends is None:
        ends = (row.low_pj, row.high_pj) if row.low_pj < row.high_pj else (row.pj / 2, row.pj * 2)
    values = np.linspace(*ends, POINTS)
    columns = {"price_pj": values}
    for letter, run in zip("AB", runs, strict=False):
        base, slope = line_of(run, name)
        columns[f"{letter}_uj"] = (base + slope * values) / 1e6
    return pd.DataFrame(columns)


def line_of(run: Repriced, name: str) -> tuple[float, float]:
    """(pJ an inference without the row, pJ for each pJ of its price)."""
    row = row_named(run.table, name)
    share = run.share_of(row)
    if row.pj == 0:
        raise InputError(f"{row.place}: {name} is 0: state a price with --set before it is swept")
    return run.pj() - share, share / row.pj


def break_even(a: Repriced, b: Repriced, name: str) -> float:
    """The row's price at which both runs take the same energy; nan if there is none of 0 or more."""
    (base_a, slope_a), (base_b, slope_b) = line_of(a, name), line_of(b, name)
    if slope_a == slope_b:
        return float("nan")
    value = (base_b - base_a) / (slope_a - slope_b)
    return value if value >= 0 else float("nan")
