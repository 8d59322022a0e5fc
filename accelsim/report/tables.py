"""The summary of one or several runs: rows for programs, tables of 80 columns for people."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError
from accelsim.results import ratio
from accelsim.units import rounded

if TYPE_CHECKING:
    from rich.table import Table

WIDTH_COLUMNS = 80
# Heading, key of `summary_rows`, decimals (None: text). `effectual` is effectual / dense MACs, the zeros'
# limit its inverse: what skipping every zero could give over a dense chip of the same array.
SPEED = (
    ("cycles", "cycles_mean", 0),
    ("ms", "ms_per_inference", 3),
    ("inf/s", "inferences_per_s", 1),
    ("speed-\nup", "speedup", 2),
    ("weight\ndens.", "weight_density_fraction", 2),
    ("act.\ndens.", "activation_density_fraction", 2),
    ("effec-\ntual", "effectual_fraction", 3),
    ("zeros'\nlimit", "speedup_limit", 2),
)
MACHINE = (
    ("effect.\nTOPS", "effective_tops", 3),
    ("peak\nTOPS", "peak_tops", 3),
    ("utili-\nsation", "utilisation_fraction", 3),
    ("bound by", "bound_by", None),
    ("DRAM\nMB", "dram_mb_per_inference", 2),
    ("energy\nuJ", "energy_uj_mean", 1),
    ("5 %\nuJ", "energy_uj_p05", 1),
    ("95 %\nuJ", "energy_uj_p95", 1),
)
# Decimals of a figure, wherever it is printed.
DIGITS = {key: digits for _, key, digits in (*SPEED, *MACHINE) if digits is not None}
# In the same cell, below a figure: its standard error, if it has one.
ERRORS = {"energy_uj_mean": "energy_uj_toggle_error"}


def summary_rows(summaries: Sequence[Mapping[str, Any]], baseline: str) -> list[dict[str, Any]]:
    """The summaries with `speedup` over the chip `baseline`, its name and what zeros could give.

    Speed-up is baseline cycles / cycles of an inference. The baseline of a row is the run of that chip
    with the same network, else the one run of that chip with as many dense MACs (the network unpruned).

    Parameters
    ----------
    summaries : dicts of `NetworkResult.summary()`
    baseline : name of a chip

    Raises
    ------
    InputError
        If a row has no such baseline.
    """
    rows = []
    for summary in summaries:
        base = _baseline(summary, summaries, baseline)
        speedup = ratio(base["cycles_mean"], summary["cycles_mean"])
        rows.append({**summary, "baseline": baseline, "speedup": speedup})
    return rows


def summary_tables(summaries: Sequence[Mapping[str, Any]], baseline: str) -> "tuple[Table, Table]":
    """Two rich tables that fit 80 columns: speed beside what zeros could give, and machine and energy.

    Energy stands with the middle 90 % of its draws of prices, and above the standard error that sampled
    toggles make.

    Parameters and errors as `summary_rows`.
    """
    rows = summary_rows(summaries, baseline)
    networks = list(dict.fromkeys(row["network"] for row in rows))
    of = networks[0] if len(networks) == 1 else f"{len(networks)} networks"
    speed = _table(f"{of}: speed (speed-up over {baseline})", SPEED, rows, len(networks) > 1)
    machine = _table(f"{of}: machine and energy", MACHINE, rows, len(networks) > 1)
    return speed, machine


def as_text(tables: Sequence["Table"], width: int = WIDTH_COLUMNS) -> str:
    """The tables as plain text without colours, at most `width` columns wide."""
    from io import StringIO

    from rich.console import Console

    file = StringIO()
    console = Console(file=file, width=width, no_color=True, force_terminal=False, legacy_windows=False)
    for table in tables:
        console.print(table)
        console.print()
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _table(
    title: str,
    columns: Sequence[tuple[str, str, int | None]],
    rows: Sequence[Mapping[str, Any]],
    networks: bool,
) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    # Text: a name in brackets is a name, not markup.
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    table.add_column("chip\nnetwork" if networks else "chip", overflow="fold", min_width=10, max_width=24)
    for heading, _, digits in columns:
        if digits is None:
            table.add_column(heading, overflow="fold")
        else:
            table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        name = f"{row['chip']}\n{row['network']}" if networks else row["chip"]
        table.add_row(Text(name), *(Text(_cell(row, key, digits)) for _, key, digits in columns))
    return table


def _cell(row: Mapping[str, Any], key: str, digits: int | None) -> str:
    if digits is None:
        # `array 71 %` in two lines leaves the chip's name its room.
        return str(row[key]).replace(" ", "\n", 1)
    error = row.get(ERRORS.get(key, ""), 0.0)
    told = number(error, digits) if error >= 1 else f"{error:.1g}"
    return number(row[key], digits) + (f"\n+-{told}" if error > 0 else "")


def number(value: float, digits: int) -> str:
    """Up to `digits` decimals, one fewer for each digit past the third; a dash where there is no value.

    What would read as 0 but is not shows two significant digits.
    """
    if math.isnan(value):
        return "-"
    if 0 < abs(value) < 0.5 * 10.0**-digits:
        return f"{value:.2g}"
    places = len(str(abs(int(value))))
    return f"{rounded(value, max(0, digits - max(0, places - 3))):,}"


def _baseline(
    summary: Mapping[str, Any], summaries: Sequence[Mapping[str, Any]], name: str
) -> Mapping[str, Any]:
    chips = [s for s in summaries if s["chip"] == name]
    if not chips:
        known = ", ".join(dict.fromkeys(s["chip"] for s in summaries))
        raise InputError(f"baseline must be one of {known}, not {name!r}")
    same = [s for s in chips if s["network"] == summary["network"]]
    macs = ratio(summary["dense_macs"], summary["inputs"])
    alike = same or [s for s in chips if ratio(s["dense_macs"], s["inputs"]) == macs]
    if len(alike) != 1:
        raise InputError(
            f"{summary['network']} on {summary['chip']}: needs one run on the baseline {name!r}, "
            f"not {len(alike)}"
        )
    return alike[0]
