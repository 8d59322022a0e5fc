"""A study's report, from its store alone."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.energy import NOT_COUNTED
from accelsim.report.html import (
    Column,
    HtmlTable,
    defined,
    records,
    render,
    table_of,
)
from accelsim.report.html.figures import Figure
from accelsim.study.answers import finished, status, study_of
from accelsim.study.front import front_of, knee_of
from accelsim.study.report_best import best_table, front_tables, sensitivity_table
from accelsim.study.report_pictures import figure_column, sensitivity_picture, study_pictures
from accelsim.study.sensitivity import sensitivity
from accelsim.study.store import DONE, Store
from accelsim.study.study_file import Study
from accelsim.version import VERSION

if TYPE_CHECKING:
    import pandas as pd

# A page with more is slow on a phone; accelsim study export writes all.
MOST_ROWS = 1000
MOST_FAILED = 100
_SHOWN = (
    "cycles_mean",
    "energy_uj_mean",
    "dram_mb_per_inference",
    "utilisation_fraction",
    "power_mw",
    "area_mm2",
)


def study_page(store_path: Path) -> str:
    """The report of a study's store, finished or not.

    Raises
    ------
    InputError
        If there is no such store, or it is none of this accelsim.
    """
    with Store(store_path) as store:
        study, state, done = study_of(store), status(store), finished(store)
        every = store.points()
        facts = (
            [store.provenance(int(i)) for i in every["provenance"].dropna().unique()[:20]]
            if len(every)
            else []
        )
        text, file = store.study(), store.fact("file")
        axes = store.axes
    every = every.sort_values("number", ignore_index=True) if len(every) else every
    varied = [name for name in ("workload", *axes) if len(every) and every[name].nunique(dropna=False) > 1]
    done["front"] = front = front_of(done, study)
    done["knee"] = knee_of(done, study, front)
    moves = sensitivity(done, study)
    moves["axis"] = moves["axis"].str.replace(" ", ", ")
    moves["objective"] = [figure_column(name).heading for name in moves["objective"]]
    tables = _tables(study, state, every, done, axes, varied)
    content: dict[str, Any] = {
        "title": f"Study {study.name}",
        "kind": "Study",
        "lead": _lead(study, state),
        "version": VERSION,
        "sections": [entry for entry in _SECTIONS if entry[0] != "failed" or state["failed"]],
        "figures": _figures(state),
        "constraints": _limits(study),
        "no_best": "The study names no objective, or no point is done and within the budgets.",
        "moves": sensitivity_table(moves),
        "moves_picture": sensitivity_picture(moves),
        "no_moves": "The study names no objective, or no axis has two values among the points that are done.",
        "pictures": study_pictures(study, done, varied),
        "missing": [f"{what}: {reason}" for what, reason in NOT_COUNTED.items()] + [_POINTS_ARE_RUNS],
        "command": f"accelsim study run {Path(file).name or 'study.yaml'}",
        "file_text": text,
        "provenance": _provenance(facts, store_path),
        **tables,
    }
    shown = [tables["points"], tables["best"], *([content["moves"]] if len(moves) else [])]
    keys = [column.key for table in shown for column in table.columns]
    words = ["feasible", "Pareto front", "knee", *(["pair of an axis"] if len(moves) else [])]
    content["definitions"] = defined(dict.fromkeys([*keys, *words]))
    return render("study.html", **content)


_STATES = "done, failed; over a budget; on the Pareto front, its knee"
_POINTS_ARE_RUNS = "A point is a run: what its chip leaves ideal is in that run's report (accelsim report)."
_SECTIONS = (
    ("state", "State"),
    ("axes", "Axes"),
    ("best", "Best points"),
    ("moves", "What moves an objective"),
    ("pictures", "Pictures"),
    ("points", "Points"),
    ("failed", "Failed points"),
    ("missing", "Not modelled"),
    ("provenance", "Provenance"),
    ("definitions", "Definitions"),
)


def _lead(study: Study, state: Mapping[str, Any]) -> str:
    text = f"{study.description}. " if study.description else ""
    text = text[:1].upper() + text[1:]
    return text + (
        f"{state['done']:,} of {state['points']:,} points are done, {state['failed']:,} failed, "
        f"{state['left']:,} are left; {state['excluded']:,} were excluded by constraints, "
        f"{state['infeasible']:,} are over a budget."
    )


def _figures(state: Mapping[str, Any]) -> list[Figure]:
    meanings = {
        "points": "points of the study that its constraints allow",
        "done": "points with figures",
        "failed": "points that ended in an error",
        "left": "points that have not run yet",
        "excluded": "points for which a constraint fails: not run",
        "infeasible": "points that are done, but over one of the study's budgets",
    }
    return [
        Figure(key, key.capitalize(), f"{state[key]:,}", "points", "", meaning)
        for key, meaning in meanings.items()
    ]


def _limits(study: Study) -> list[str]:
    budgets = {name: value for name, value in study.budgets.model_dump().items() if value is not None}
    return [*study.constraints, *(f"budget: {name} <= {value:g}" for name, value in budgets.items())]


def _setting(key: str, values: "pd.Series") -> Column:
    number = values.dtype.kind in "iuf" and values.notna().any()
    digits = None
    if number:
        there = values.dropna()
        digits = next((d for d in range(6) if (there.round(d) == there).all()), 6)
    meaning = "the trace that ran" if key == "workload" else f"key of the chip: {key}"
    return Column(key=key, heading=key, digits=digits, meaning=meaning)


def _tables(
    study: Study,
    state: Mapping[str, Any],
    every: "pd.DataFrame",
    done: "pd.DataFrame",
    axes: Sequence[str],
    varied: Sequence[str],
) -> dict[str, Any]:
    settings = [_setting(name, every[name]) for name in varied]
    objectives = [objective.figure for objective in study.objectives]
    known = [key for key in dict.fromkeys([*objectives, *_SHOWN]) if key in every]
    figures = [figure_column(key) for key in known]
    number = Column(key="number", heading="point", digits=0, meaning="its place in the study")
    columns = [number, *settings, *figures]
    return {
        "axes": _axes(every, axes),
        "best": best_table(state["best"], columns, done, study),
        "fronts": front_tables(study, done, columns, MOST_ROWS),
        "points": _points(every, done, columns, objectives),
        "failed": _failed(every, [number, *settings]),
    }


def _axes(every: "pd.DataFrame", axes: Sequence[str]) -> HtmlTable:
    rows = []
    for name in ("workload", *axes):
        values = list(dict.fromkeys(every[name])) if len(every) else []
        shown = ", ".join(f"{v:g}" if isinstance(v, float) else str(v) for v in values[:12])
        rows.append(
            {"key": name, "count": len(values), "values": shown + (", ..." if len(values) > 12 else "")}
        )
    columns = (
        Column(key="key", heading="axis", meaning="dotted key of the chip, or the workload"),
        Column(key="count", heading="values", digits=0, meaning="different values among the points"),
        Column(key="values", heading="are", wide=True, meaning="in the order of the points"),
    )
    return table_of(rows, columns, "What varies")


def _points(
    every: "pd.DataFrame", done: "pd.DataFrame", columns: Sequence[Column], objectives: Sequence[str]
) -> HtmlTable:
    rows = every.assign(front=False, knee=False)
    for name in ("front", "knee") if len(done) else ():
        rows[name] = rows["number"].isin(done["number"][done[name]])
    note = "accelsim study export writes all points with all columns."
    if len(rows) > MOST_ROWS:
        by = objectives[0] if objectives else None
        order = ["knee", "front", by or "number"]
        kept = rows.sort_values(order, ascending=[False, False, True], kind="stable").head(MOST_ROWS)
        told = f"the front, then the least {by}" if by else "the first"
        note = f"{MOST_ROWS:,} of {len(rows):,} points: {told}. {note}"
        rows = kept.sort_values("number")
    state = Column(key="status", heading="status", meaning=_STATES)
    told_rows = []
    for row in records(rows):
        words = [row["status"]]
        words += ["over a budget"] if row.get("feasible") == 0 else []
        words += [name for name in ("front", "knee") if row[name]]
        told_rows.append(row | {"status": ", ".join(words)})
    return table_of(told_rows, [columns[0], state, *columns[1:]], "Points", "points-table", note)


def _failed(every: "pd.DataFrame", columns: Sequence[Column]) -> HtmlTable:
    rows = every[every["status"] != DONE] if len(every) else every
    note = f"The first {MOST_FAILED} of {len(rows):,}." if len(rows) > MOST_FAILED else ""
    error = Column(key="error", heading="error", wide=True, meaning="what it ended with")
    caption = "Points that failed, each with its error"
    return table_of(records(rows.head(MOST_FAILED)), [*columns, error], caption, "failed-table", note)


def _provenance(facts: Sequence[Mapping[str, Any]], store: Path) -> HtmlTable:
    """Every fact with its values: most are one for all points."""
    values: dict[str, list[str]] = {"store": [store.name]}
    for those in facts:
        for name, value in those.items():
            text = value if isinstance(value, str) else json.dumps(value)
            if text not in values.setdefault(name, []):
                values[name].append(text)
    rows = [{"what": name, "value": "; ".join(texts)} for name, texts in values.items()]
    columns = (
        Column(key="what", heading="what", meaning="name of the fact"),
        Column(key="value", heading="value", wide=True, meaning="several where points differ"),
    )
    return table_of(rows, columns, "Versions, seeds and hashes")
