"""What a study's store answers: how far it is, its best points, its tables and pictures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError, nearest
from accelsim.study.front import front_of, knee_of
from accelsim.study.sensitivity import sensitivity
from accelsim.study.store import DONE, Store
from accelsim.study.store_lock import StoreError
from accelsim.study.study_file import Objective, Study, parse_study

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

# What a picture of cycles and energy needs.
_DRAWN = ("cycles_mean", "energy_uj_mean", "energy_uj_p05", "energy_uj_p95", "network", "chip")


def study_of(store: Store) -> Study:
    """The study that a store is of."""
    return parse_study(store.study(), store.fact("file"))


def status(store: Store) -> dict[str, Any]:
    """How far a study is, which points failed and why, and the best feasible point of each objective.

    Returns
    -------
    dict: `study`, `points`, `excluded`, `done`, `failed`, `left`, `infeasible`; `errors`: number of points
    by message; `reused`: by kind of result, how many were found in memory, on disk, made; `best`: by
    objective, the point's `number`, its `value` and its settings
    """
    study, points = study_of(store), finished(store)
    states = store.keys()
    done = sum(state == DONE for state in states.values())
    wanted = int(store.fact("points") or 0)
    feasible = points[points["feasible"] == 1] if len(points) else points
    errors = store.points("status <> 'done'")["error"].value_counts()
    best = {}
    for objective in study.objectives if len(feasible) else ():
        ranked = feasible.sort_values(objective.figure, ascending=bool(objective.minimise), kind="stable")
        row = ranked.iloc[0]
        best[objective.figure] = {
            "number": row["number"],
            "value": row[objective.figure],
            "settings": {name: row[name] for name in ("workload", *store.axes)},
        }
    return {
        "study": study.name,
        "store": str(store.path),
        "points": wanted,
        "excluded": int(store.fact("excluded") or 0),
        "done": done,
        "failed": len(states) - done,
        "left": max(0, wanted - len(states)),
        "infeasible": len(points) - len(feasible),
        "errors": {str(text): int(count) for text, count in errors.items()},
        "reused": json.loads(store.fact("reused") or "{}"),
        "best": best,
    }


def finished(store: Store, where: str = "", columns: Sequence[str] = ()) -> "pd.DataFrame":
    """The points that are done, in the study's order; raises InputError for a `where` that is no SQL."""
    try:
        points = store.points(f"status = 'done' AND ({where})" if where else "status = 'done'", columns)
    except StoreError as error:
        if not where:
            raise
        raise InputError(f"--where {where!r}: {error.__cause__}") from error
    return points.sort_values("number", ignore_index=True) if len(points) else points


@dataclass(frozen=True, slots=True)
class Fronts:
    """`table`: the feasible points drawn, with bool `front` and `knee`; `sensitivity`: as its function's."""

    table: "pd.DataFrame"
    sensitivity: "pd.DataFrame"
    picture: "Figure"


def fronts(
    store: Store, minimise: Sequence[str] = (), maximise: Sequence[str] = (), where: str = ""
) -> Fronts:
    """The Pareto front of each workload with its knee, drawn, and which axis moves which objective most.

    Parameters
    ----------
    minimise, maximise : columns in place of the study's objectives
    where : SQL condition over the columns

    Raises
    ------
    InputError
        If there are fewer than two objectives, one is no figure, or no feasible point is done.
    """
    from accelsim import plots

    study, points = study_of(store), finished(store, where)
    if minimise or maximise:
        given = [Objective(minimise=name) for name in minimise] + [
            Objective(maximise=name) for name in maximise
        ]
        study = study.model_copy(update={"objectives": given})
    names = [objective.figure for objective in study.objectives]
    if len(set(names)) < 2:
        raise InputError(
            f"{store.path}: a front needs two objectives, not {len(set(names))}: --minimise and --maximise "
            "name them"
        )
    if points.empty or not (points["feasible"] == 1).any():
        raise InputError(f"{store.path}: no finished point is within the budgets")
    for name in names:
        if name not in points or points[name].dtype.kind not in "iuf":
            others = [str(column) for column in points if column != name]
            raise InputError(f"{store.path}: {name!r} is no figure of a point{nearest(name, others)}")
    front = front_of(points, study)
    table = points.assign(front=front, knee=knee_of(points, study, front))[points["feasible"] == 1]
    table = table[["number", "workload", *store.axes, *names, "front", "knee"]].reset_index(drop=True)
    knees = {i: f"knee: point {table['number'][i]}" for i in table.index[table["knee"]]}
    drawn = plots.points(
        table,
        names[0],
        names[1],
        "workload",
        {name: name for name in names},
        table["front"],
        knees,
        f"{study.name}: front of {', '.join(names)}",
        joined=len(names) == 2,
    )
    return Fronts(table, sensitivity(points, study), drawn)


def picture(
    store: Store, over: str | None = None, by: str | None = None, figure: str | None = None, where: str = ""
) -> "tuple[Figure, pd.DataFrame]":
    """A picture of the finished points, and the data drawn.

    Parameters
    ----------
    over : the axis across; the last that has several values if None
    by : the axis with a line for each value; the first other that has several if None
    figure : what is drawn; cycles and energy if None
    where : SQL condition over the columns

    Raises
    ------
    InputError
        If a column is unknown, no axis has several values, or several points share a place.
    """
    from accelsim import plots

    known = store.columns()
    for column in (over, by, figure):
        if column is not None and column not in known:
            raise InputError(f"{store.path}: no column {column!r}; columns: {', '.join(known)}")
    # Of a million points, the columns that may be drawn and no others.
    wanted = ("number", "workload", *store.axes, *_DRAWN, over, by, figure)
    points = finished(store, where, [name for name in dict.fromkeys(wanted) if name in known])
    many = [name for name in ("workload", *store.axes) if len(points) and points[name].nunique() > 1]
    if over is None and not many:
        raise InputError(f"{store.path}: no axis has two finished points to draw")
    over = over or many[-1]
    by = by or next((name for name in many if name != over), None)
    if figure is None:
        return plots.sweep(points, over, by), plots.sweep_table(points, over, by)
    by = by or "workload"
    drawn = points[list(dict.fromkeys([by, over, figure]))].sort_values([by, over], kind="stable")
    if drawn.duplicated([by, over]).any():
        raise InputError(f"{store.path}: several points share {over} and {by}: choose some with --where")
    title = f"{study_of(store).name}: {figure} against {over}"
    return plots.curves(drawn, over, figure, by, {over: over, figure: figure}, title=title), drawn


def exported(store: Store, table: str) -> "pd.DataFrame":
    """`points`, in the study's order; or `layers` or `tiles`, with the number of their point."""
    points = store.points()
    if table == "points":
        return points.sort_values("number", ignore_index=True)
    if table not in ("layers", "tiles"):
        raise InputError(f"--table must be points, layers or tiles, not {table!r}")
    rows = store.layers() if table == "layers" else store.tiles()
    rows["point"] = rows["point"].map(points.set_index("id")["number"])
    return rows.rename(columns={"point": "number"}).sort_values("number", kind="stable", ignore_index=True)


def parquet_bytes(table: "pd.DataFrame") -> bytes:
    """A table as Parquet; raises InputError without pyarrow."""
    from io import BytesIO

    buffer = BytesIO()
    try:
        table.to_parquet(buffer, index=False)
    except ImportError as error:
        raise InputError("--parquet needs pyarrow: pip install 'accelsim[parquet]'") from error
    return buffer.getvalue()


def default_store(study: Study) -> Path:
    """Where a study's store is unless it is told."""
    return Path("results") / "studies" / f"{study.name}.sqlite"
