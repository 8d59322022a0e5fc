"""What is best in a study and what moves it, as tables of its report: best points, fronts, sensitivity."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from accelsim.report.html import Column, HtmlTable, glossary, records, table_of
from accelsim.study.report_pictures import figure_column
from accelsim.study.study_file import Study

if TYPE_CHECKING:
    import pandas as pd

_KNEE = Column(key="knee", heading="knee", meaning="the front's knee")
_MOVES = (
    Column(key="objective", heading="objective", meaning="what the study looks for"),
    Column(key="axis", heading="axis", meaning="keys of the chip that change together are one axis"),
    Column(
        key="pairs",
        heading="pairs",
        digits=0,
        meaning="points that differ in this axis alone and stand side by side in the order of its values",
    ),
    Column(key="step_factor", heading="mean factor", unit="x", digits=3),
    Column(key="most_factor", heading="largest factor", unit="x", digits=3),
    Column(key="rank_correlation", heading="rank correlation", digits=2),
)


def best_table(
    best: Mapping[str, Mapping[str, Any]], columns: Sequence[Column], done: "pd.DataFrame", study: Study
) -> HtmlTable:
    """The best feasible point of each objective, and the knee of each front.

    Parameters
    ----------
    best : by objective, its point's `number`
    columns : of the points
    done : finished points, with their bool column `knee`
    """
    least = {objective.figure: bool(objective.minimise) for objective in study.objectives}
    rows = []
    for figure, found in best.items():
        row = done[done["number"] == found["number"]].iloc[0].to_dict()
        word = "least" if least[figure] else "most"
        rows.append({"objective": f"{word} {figure_column(figure).heading.lower()}", **row})
    caption = "The best feasible point of each objective"
    if done["knee"].any():
        rows += [{"objective": "knee of the front", **row} for row in records(done[done["knee"]])]
        caption += "; the knee of each workload's front"
    return table_of(rows, [_MOVES[0], *columns], caption)


def front_tables(
    study: Study, done: "pd.DataFrame", columns: Sequence[Column], most_rows: int
) -> list[HtmlTable]:
    """The points that no other of the same workload dominates, the knees named; none of one objective.

    Parameters
    ----------
    done : finished points, with their bool columns `front` and `knee`
    columns : of the points, their number first
    """
    if len(study.objectives) < 2 or not done["front"].any():
        return []
    front = done[done["front"]]
    words = {"Pareto front": "Pareto front", "knee": "Knee"} if front["knee"].any() else {"Pareto front": ""}
    note = " ".join(f"{said or name}: {glossary()[name]}." for name, said in words.items())
    if len(front) > most_rows:
        # A knee is what one looks for first: it is not cut.
        cut = front.sort_values("knee", ascending=False, kind="stable").head(most_rows).sort_index()
        note = f"{most_rows:,} of {len(front):,} points: the knees, then the first. {note}"
        front = cut
    rows = [row | {"knee": "knee" if row["knee"] else ""} for row in records(front)]
    caption = f"Pareto front of each workload: {', '.join(o.figure for o in study.objectives)}"
    return [table_of(rows, [columns[0], _KNEE, *columns[1:]], caption, "front", note)]


def sensitivity_table(moves: "pd.DataFrame") -> HtmlTable:
    """Which axis moves which objective most.

    Parameters
    ----------
    moves : of `sensitivity`, objectives by their label
    """
    note = (
        "Of all finished points, those over a budget too. A step is from one value of an axis to the next, "
        "everything else equal; a sample without such pairs has rank correlations alone."
    )
    return table_of(
        records(moves),
        _MOVES,
        "What moves an objective, the axis that moves it most first",
        "sensitivity-table",
        note,
    )
