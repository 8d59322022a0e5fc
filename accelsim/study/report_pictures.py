"""Pictures of a study for its report: each point says its settings on hover."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim import plots
from accelsim.report.html import Column, Picture, inline_svg, records
from accelsim.report.html.figures import FIGURES
from accelsim.report.html.pictures import point_tips
from accelsim.study.study_file import Study

if TYPE_CHECKING:
    import pandas as pd

MOST_DRAWN = 1500
MOST_AXES = 6
_UNITS = {f.key: (f.label, f.unit, f.scale, f.digits) for f in FIGURES}


def figure_column(key: str) -> Column:
    """The column of a figure of a run, under the name that reports give it."""
    label, unit, scale, digits = _UNITS.get(key, (key, "", 1.0, 3))
    return Column(key=key, heading=label if key in _UNITS else key, unit=unit, scale=scale, digits=digits)


def study_pictures(study: Study, done: "pd.DataFrame", varied: Sequence[str]) -> list[Picture]:
    """Objectives against each other, and the first one along every axis; none of fewer than two points.

    Parameters
    ----------
    done : finished points, with their bool columns `front` and `knee`
    varied : the workload and the keys that have several values
    """
    feasible = done[done["feasible"] == 1] if "feasible" in done else done
    if len(feasible) < 2:
        return []
    objectives = [objective.figure for objective in study.objectives] or ["cycles_mean"]
    drawn, note = _sampled(feasible.reset_index(drop=True))
    found = []
    if len(objectives) > 1:
        # Of three objectives the front is a surface: a line through its points would be no edge.
        edge = len(objectives) == 2
        found.append(_scatter(drawn, objectives[0], objectives[1], varied, "front", note, 0, joined=edge))
    least = not study.objectives or bool(study.objectives[0].minimise)
    linked = [[name for name in axis.names if name in varied] for axis in study.axes]
    for names in [names for names in linked if names][:MOST_AXES]:
        best = _best_at(drawn, names[0], objectives[0], least)
        drawn = drawn.assign(best=best)
        found.append(
            _scatter(drawn, names[0], objectives[0], varied, "best", note, len(found), ", ".join(names))
        )
    return found


def _sampled(done: "pd.DataFrame") -> "tuple[pd.DataFrame, str]":
    """At most `MOST_DRAWN` points: the front, and of the others every second, third, ..."""
    if len(done) <= MOST_DRAWN:
        return done, ""
    every = -(-len(done) // MOST_DRAWN)
    kept = done[done["front"] | (np.arange(len(done)) % every == 0)].reset_index(drop=True)
    return kept, f" Of {len(done):,} points the front and every {every}th are drawn."


def _best_at(done: "pd.DataFrame", axis: str, figure: str, least: bool) -> "pd.Series":
    """The best point of each workload at each value of an axis."""
    values = done[figure] if least else -done[figure]
    chosen = values.groupby([done["workload"], done[axis]], dropna=False).transform("min")
    return values == chosen


def _scatter(
    done: "pd.DataFrame",
    x: str,
    y: str,
    varied: Sequence[str],
    marked: str,
    note: str,
    number: int,
    x_label: str = "",
    joined: bool = True,
) -> Picture:
    """`x_label`: names of all keys of a linked axis; `joined`: as of `plots.points`."""
    labels = {x: x_label or _labelled(x), y: _labelled(y)}
    knees = done["knee"] & (marked == "front")
    named = {i: f"knee: point {done['number'][i]}" for i in done.index[knees]}
    figure = plots.points(done, x, y, "workload", labels, done[marked], named, joined=joined)
    across = plots.places(done[x])
    text: dict[tuple[float, float], list[str]] = {}
    for place, row, knee in zip(across, records(done), knees, strict=True):
        settings = ", ".join(f"{name} {row[name]}" for name in varied)
        columns = [figure_column(key) for key in (x, y) if key in _UNITS or key == y]
        values = ", ".join(f"{c.heading} {c.cell(row[c.key]).text} {c.unit}".strip() for c in columns)
        text.setdefault((float(place), float(row[y])), []).append(
            f"point {row['number']}{', knee' * knee}: {values}\n{settings}"
        )
    title = f"{labels[y]} against {labels[x]}"
    circled = "Circled and joined" if joined else "Circled"
    said = {
        "front": "points of a workload that no other is as good as in all objectives.",
        "best": "the best point of a workload at each value, all other settings free.",
    }
    star = " Starred: the knee of a front." if named else ""
    return Picture(
        title=title,
        svg=inline_svg(figure, f"study{number}", title, point_tips(figure, text)),
        text=f"{title}, finished points within the budgets. {circled}: {said[marked]}{star}{note}",
    )


def sensitivity_picture(moves: "pd.DataFrame") -> Picture | None:
    """How far each axis moves each objective, every bar's numbers on hover; None without axes that vary.

    Parameters
    ----------
    moves : of `sensitivity`, objectives by their label
    """
    if moves.empty:
        return None
    figure = plots.sensitivity(moves)
    tips: dict[str, str] = {}
    panels = moves.groupby("objective", sort=False)
    for axes, (objective, rows) in zip(figure.axes, panels, strict=True):
        for bar, row in zip(axes.patches, records(rows), strict=True):
            bar.set_gid(f"bar{len(tips)}")
            tips[f"bar{len(tips)}"] = f"{objective}\n{row['axis']}: {_moved(row)}"
    paired = bool(moves["step_factor"].notna().any())
    title = "What moves an objective"
    said = (
        "Factor of each step of an axis, all else equal: its mean over the pairs of points, and a line to "
        "the largest; 1 moves nothing."
        if paired
        else "Rank correlation of each axis with the objective: no two points differ in one axis alone."
    )
    return Picture(title=title, svg=inline_svg(figure, "moves", title, tips), text=said)


def _moved(row: Mapping[str, Any]) -> str:
    """The numbers of a row of `sensitivity`, as far as it has them."""
    words = []
    if row["pairs"]:
        words.append(
            f"mean {row['step_factor']:.3g} x, largest {row['most_factor']:.3g} x, {row['pairs']} pairs"
        )
    if not math.isnan(row["rank_correlation"]):
        words.append(f"rank correlation {row['rank_correlation']:.2f}")
    return "; ".join(words) or "no pairs, and no order of its values"


def _labelled(key: str) -> str:
    if key not in _UNITS:
        return key
    label, unit, *_ = _UNITS[key]
    return f"{label} ({unit})" if _UNITS[key][2] == 1 else key
