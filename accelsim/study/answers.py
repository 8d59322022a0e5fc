"""What a study's store answers: how far it is, its best points, why one point is faster than another."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError
from accelsim.report import explaining_cause, sentence
from accelsim.report.explain import CAUSE_WORDS
from accelsim.study.store import DONE, Store
from accelsim.study.store_lock import StoreError
from accelsim.study.study_file import Study, parse_study
from accelsim.tables import CAUSES

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_SIZES = ("pe_array.rows", "pe_array.columns", "pe_array.lanes")
# What `explain` says beside the cycles: figure, words, unit.
_BESIDE = (
    ("energy_uj_mean", "energy", "uJ"),
    ("dram_mb_per_inference", "DRAM traffic", "MB"),
    ("area_mm2", "area", "mm2"),
    ("power_mw", "power", "mW"),
)
_MOST_LAYERS = 3
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


def explain(store: Store, before: int, after: int) -> list[str]:
    """Why point `after` takes other cycles than `before`, in sentences from their counted lane-cycles.

    Raises
    ------
    InputError
        If there is no such point, or it failed.
    """
    was, now = _row(store, before), _row(store, after)
    key, values = _difference(store.axes, was, now)
    told = [sentence(was | {key: values[0]}, now | {key: values[1]}, key)]
    beside = []
    for figure, words, unit in _BESIDE:
        change = f", {now[figure] / was[figure]:.2f}x" if was[figure] else ""
        beside.append(f"{words} {was[figure]:.4g} to {now[figure]:.4g} {unit}{change}")
    told.append("; ".join(beside))
    ids = [int(row["id"]) for row in (was, now)]
    return told + _layers(*(_causes(store.layers(f"point = {one}")) for one in ids))


def _row(store: Store, number: int) -> dict[str, Any]:
    rows = store.points(f"number = {int(number)}")
    if not len(rows):
        raise InputError(f"{store.path}: no point {number}; `accelsim study export` lists them by `number`")
    row = {str(name): value for name, value in rows.iloc[0].items()}
    if row["status"] != DONE:
        raise InputError(f"{store.path}: point {number} failed: {row['error']}")
    return row


def _difference(axes: Sequence[str], was: dict[str, Any], now: dict[str, Any]) -> tuple[str, list[Any]]:
    """What differs between two points, as one key with two values: numbers where a ratio means something."""
    changed = [name for name in ("workload", *axes) if was[name] != now[name]]
    if len(changed) == 1:
        return changed[0], [was[changed[0]], now[changed[0]]]
    short = [name.rsplit(".", 1)[-1] for name in changed]
    if changed and set(changed) <= set(_SIZES):
        return " x ".join(short), [math.prod(row[name] for name in changed) for row in (was, now)]
    texts = []
    for row in (was, now):
        settings = ", ".join(f"{name} {row[long]}" for name, long in zip(short, changed, strict=True))
        texts.append(f"{row['number']} ({settings or 'the same settings'})")
    return "point", texts


def _causes(layers: "pd.DataFrame") -> "pd.DataFrame | None":
    """Cycles of each layer by cause, over all inputs, and their sum `cycles`; None where none were kept."""
    if layers.empty:
        return None
    columns = [f"{cause}_lane_cycles" for cause in CAUSES]
    lanes = layers[columns].sum(axis=1) / layers["cycles"]
    cycles = layers[columns].div(lanes, axis=0).set_axis(list(CAUSES), axis=1)
    return cycles.assign(cycles=layers["cycles"]).groupby(layers["layer"], sort=False).sum()


def _layers(was: "pd.DataFrame | None", now: "pd.DataFrame | None") -> list[str]:
    """The layers that changed most, each with the cause that explains most of it."""
    if was is None or now is None or list(was.index) != list(now.index):
        return []
    change = now - was
    told = []
    for layer in change["cycles"].abs().sort_values(ascending=False, kind="stable").index[:_MOST_LAYERS]:
        total = float(change["cycles"][layer])
        cause = explaining_cause(change.loc[layer, list(CAUSES)].to_dict(), total)
        if cause:
            cycles = f"{was['cycles'][layer]:,.0f} to {now['cycles'][layer]:,.0f} cycles ({total:+,.0f})"
            told.append(f"{layer}: {cycles}; {change[cause][layer]:+,.0f} {CAUSE_WORDS[cause]}")
    return told


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
