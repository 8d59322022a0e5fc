"""Pictures of a study for its report: each point says its settings on hover."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    done : finished points, with their bool column `front`
    varied : the workload and the keys that have several values
    """
    feasible = done[done["feasible"] == 1] if "feasible" in done else done
    if len(feasible) < 2:
        return []
    objectives = [objective.figure for objective in study.objectives] or ["cycles_mean"]
    drawn, note = _sampled(feasible.reset_index(drop=True))
    found = []
    if len(objectives) > 1:
        found.append(_scatter(drawn, objectives[0], objectives[1], varied, "front", note, 0))
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
) -> Picture:
    """`x_label`: names of all keys of a linked axis."""
    labels = {x: x_label or _labelled(x), y: _labelled(y)}
    figure = plots.points(done, x, y, "workload", labels, done[marked])
    across = plots.places(done[x])
    text: dict[tuple[float, float], list[str]] = {}
    for place, row in zip(across, records(done), strict=True):
        settings = ", ".join(f"{name} {row[name]}" for name in varied)
        columns = [figure_column(key) for key in (x, y) if key in _UNITS or key == y]
        values = ", ".join(f"{c.heading} {c.cell(row[c.key]).text} {c.unit}".strip() for c in columns)
        text.setdefault((float(place), float(row[y])), []).append(
            f"point {row['number']}: {values}\n{settings}"
        )
    title = f"{labels[y]} against {labels[x]}"
    said = {
        "front": "Circled and joined: points of a workload that no other is as good as in all objectives.",
        "best": "Circled and joined: the best point of a workload at each value, all other settings free.",
    }
    return Picture(
        title=title,
        svg=inline_svg(figure, f"study{number}", title, point_tips(figure, text)),
        text=f"{title}, finished points within the budgets. {said[marked]}{note}",
    )


def _labelled(key: str) -> str:
    if key not in _UNITS:
        return key
    label, unit, *_ = _UNITS[key]
    return f"{label} ({unit})" if _UNITS[key][2] == 1 else key
