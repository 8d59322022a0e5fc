"""Why a point of a store takes the cycles it takes, and what to change first.

::

    counted lane-cycles of one point, or of two  -> sentences
    the (second) point simulated with one change -> what each gives; the first sentence ends with the best

Every number comes from the store's rows or from those simulations.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from accelsim.errors import InputError
from accelsim.report import explaining_cause, sentence
from accelsim.report.explain import CAUSE_WORDS, MOST_CAUSES
from accelsim.study.answers import study_of
from accelsim.study.relaxations import LEAST_SHARE
from accelsim.study.space import Space
from accelsim.study.store import DONE, Store
from accelsim.study.what_ifs import LEAST_GAIN, Progress, WhatIfs, shares_of, what_ifs
from accelsim.tables import CAUSES

if TYPE_CHECKING:
    import pandas as pd

_ARRAY = ("pe_array.rows", "pe_array.columns")
_SIZES = (*_ARRAY, "pe_array.lanes")
# What stands beside the cycles: figure, words, unit.
_BESIDE = (
    ("energy_uj_mean", "energy", "uJ"),
    ("dram_mb_per_inference", "DRAM traffic", "MB"),
    ("area_mm2", "area", "mm2"),
    ("power_mw", "power", "mW"),
)
_MOST_LAYERS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """Sentences, and what each change gave; None where no change was tried."""

    sentences: tuple[str, ...]
    what_ifs: WhatIfs | None


class _Size(int):
    """A number of PEs that is told as `32 x 32`."""

    text = ""

    def __str__(self) -> str:
        return self.text


def explain(
    store: Store,
    first: int,
    second: int | None = None,
    *,
    what_if: bool = True,
    progress: Progress | None = None,
) -> Explanation:
    """Why point `second` takes other cycles than `first`, or `first` alone takes those it takes.

    Parameters
    ----------
    what_if : simulate the last of them again, with one change at a time
    progress : called with each change that has been simulated

    Raises
    ------
    InputError
        If there is no such point, it failed, or its trace is not there to be simulated.
    """
    rows = [_row(store, number) for number in (first, second) if number is not None]
    now = rows[-1]
    changes = None
    if what_if:
        try:
            space = Space(study_of(store), store.study(), store.fact("file"))
            changes = what_ifs(space, now, progress)
        except InputError as error:
            raise InputError(f"{error}\n(--no-what-ifs explains from the store alone)") from error
    layers = [_causes(store.layers(f"point = {int(row['id'])}")) for row in rows]
    if len(rows) == 1:
        head, told = _why(store, now), [_figures(now), *_slowest_layers(layers[0])]
    else:
        key, values = _difference(store.axes, *rows)
        head = sentence(rows[0] | {key: values[0]}, now | {key: values[1]}, key)
        told = [_beside(*rows), *_changed_layers(*layers)]
    return Explanation(sentences=(head + _first_change(changes), *told), what_ifs=changes)


def _first_change(changes: WhatIfs | None) -> str:
    """The end of the first sentence."""
    if changes is None or not changes.tried:
        return ""
    best = changes.best
    if best is None:
        return f"; of {len(changes.tried)} changes tried none gives {100 * LEAST_GAIN:.0f} % or more"
    return f"; the first thing to change is {best.short}, which gives {best.speedup:.2f}x"


def _row(store: Store, number: int) -> dict[str, Any]:
    rows = store.points(f"number = {int(number)}")
    if not len(rows):
        raise InputError(f"{store.path}: no point {number}; `accelsim study export` lists them by `number`")
    row = {str(name): value for name, value in rows.iloc[0].items()}
    if row["status"] != DONE:
        raise InputError(f"{store.path}: point {number} failed: {row['error']}")
    return row


def _why(store: Store, row: Mapping[str, Any]) -> str:
    """One point: its cycles, and the causes that most lane-cycles have."""
    shares = shares_of(row)
    ranked = sorted(CAUSES, key=lambda cause: -shares[cause])[:MOST_CAUSES]
    causes = [f"{_percent(shares[c])} {CAUSE_WORDS[c]}" for c in ranked if shares[c] >= LEAST_SHARE]
    settings = ", ".join(f"{name.rsplit('.', 1)[-1]} {row[name]}" for name in ("workload", *store.axes))
    return (
        f"point {row['number']} ({settings}): {row['cycles_mean']:,.0f} cycles an inference; of the "
        f"lane-cycles {', '.join(causes)}"
    )


def _figures(row: Mapping[str, Any]) -> str:
    return "; ".join(f"{words} {row[figure]:.4g} {unit}" for figure, words, unit in _BESIDE)


def _beside(was: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    told = []
    for figure, words, unit in _BESIDE:
        change = f", {now[figure] / was[figure]:.2f}x" if was[figure] else ""
        told.append(f"{words} {was[figure]:.4g} to {now[figure]:.4g} {unit}{change}")
    return "; ".join(told)


def _difference(axes: Sequence[str], was: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[str, list[Any]]:
    """What differs between two points, as one key with two values: numbers where a ratio means something."""
    changed = [name for name in ("workload", *axes) if was[name] != now[name]]
    if len(changed) == 1:
        return changed[0], [was[changed[0]], now[changed[0]]]
    short = [name.rsplit(".", 1)[-1] for name in changed]
    if changed and set(changed) <= set(_SIZES):
        sizes = []
        for row in (was, now):
            size = _Size(math.prod(int(row[name]) for name in changed))
            size.text = " x ".join(str(row[name]) for name in changed)
            sizes.append(size)
        return " x ".join(short), sizes
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


def _slowest_layers(layers: "pd.DataFrame | None") -> list[str]:
    """The layers that take most cycles, each with its largest cause."""
    if layers is None:
        return []
    total = float(layers["cycles"].sum())
    told = []
    for layer in layers["cycles"].sort_values(ascending=False, kind="stable").index[:_MOST_LAYERS]:
        cycles = float(layers["cycles"][layer])
        cause = str(layers.loc[layer, list(CAUSES)].astype(float).idxmax())
        share = _percent(float(layers[cause][layer]) / cycles)
        told.append(
            f"{layer}: {cycles:,.0f} of {total:,.0f} cycles, {_percent(cycles / total)}; of its lane-cycles "
            f"{share} {CAUSE_WORDS[cause]}"
        )
    return told


def _changed_layers(was: "pd.DataFrame | None", now: "pd.DataFrame | None") -> list[str]:
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


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"
