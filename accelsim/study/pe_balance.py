"""What each PE of an `inner_join` array does in a run: lane-cycles by row and column, exact.

::

    for tile, output set                # docs/dataflows/inner_join.md
      PE [part, i, j] works on filter i of the block and on position j of the block

Over a tile row i meets every filter of the tile that falls on it, column j every position, so that pairs of
non-zero operands of all sets are one product of matrices, whose entries are counts of masks:

    mac[i, j] = sum over group, tap, channel of  filters on row i with a weight there
                                               x positions on column j with an activation there

Counts are below 2^53, so floating point keeps them whole. The run's own tiles are counted, of tiles.csv.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from accelsim import plots
from accelsim.errors import AccelsimError, InputError, listed
from accelsim.files import write_whole
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import InnerJoinArray, of_kind
from accelsim.mapper.balance import balanced
from accelsim.mapper.hamming import ordered_channels
from accelsim.network import Layer
from accelsim.plan import Unrolling
from accelsim.plan_file import whole_plans
from accelsim.plots import RunTables
from accelsim.plots.balance import PE_COLUMNS
from accelsim.plots.save import csv_bytes, save_png
from accelsim.report import read_run
from accelsim.report.files import read_document
from accelsim.report.html.heatmaps import FILE, MOST_PICTURES
from accelsim.study.traces import open_trace
from accelsim.tables import BOX
from accelsim.trace import LayerTrace, NetworkTrace

if TYPE_CHECKING:
    import pandas as pd

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Masks:
    """Non-zero operands of a layer: bool [K, taps, C of a group]; bool [N, padded H, padded W, C]."""

    layer: Layer
    weights: npt.NDArray[np.bool_]
    activations: npt.NDArray[np.bool_]


def pe_table(trace: NetworkTrace, folder: str | Path) -> "tuple[pd.DataFrame, list[str]]":
    """What every PE did in a finished run, layer by layer, over all inputs.

    Parameters
    ----------
    trace : of the run
    folder : of the run

    Returns
    -------
    DataFrame of `plots.balance.PE_COLUMNS`: lane-cycles of products of two non-zero operands, and of all
    slots (done and gated MACs); and the layers that could not be counted, with the reason

    Raises
    ------
    InputError
        If the run is of another trace, or of an array that is no `inner_join`.
    AccelsimError
        If the sums over the PEs are not the run's own.
    """
    import pandas as pd

    root = Path(folder)
    run, facts = read_run(root), read_document(root / "summary.json").get("provenance", {})
    if not isinstance(run.chip.pe_array, InnerJoinArray):
        raise InputError(f"{root}: PEs are counted for inner_join, not {run.chip.dataflow}")
    if facts.get("trace_hash") != trace.content_hash:
        raise InputError(
            f"{root}: a run of another trace (hash {str(facts.get('trace_hash'))[:12]}), not this one"
        )
    held, left_out = _held(run, root)
    found: dict[str, tuple[Ints, Ints]] = {}
    for index, one in _inputs(trace, bool(run.summary.get("together"))):
        tiles = run.tiles[run.tiles["input"] == index]
        for name, rows in tiles.groupby("layer", sort=False):
            if name not in held:
                continue
            layer = one.layer(str(name))
            layer = balanced(layer) if "filters" in facts else layer
            layer = ordered_channels(layer, run.chip) if "channels" in facts else layer
            boxes = rows[list(BOX)].to_numpy(np.int64)
            mac, slot = pe_lane_cycles(layer, boxes, run.chip, held[str(name)])
            _check(str(name), mac, slot, rows)
            before = found.get(str(name), (0, 0))
            found[str(name)] = (before[0] + mac, before[1] + slot)
    frames = [_frame(name, mac, slot) for name, (mac, slot) in found.items()]
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=list(PE_COLUMNS))
    return table, left_out


def _inputs(trace: NetworkTrace, together: bool) -> Iterator[tuple[int, NetworkTrace]]:
    """As the run numbers them: one by one, or all as input 0."""
    if together:
        yield 0, trace
        return
    for index in range(trace.inputs_count):
        yield index, trace.select_input(index)


def _held(run: RunTables, root: Path) -> tuple[dict[str, Unrolling | None], list[str]]:
    """What the PEs held at once in each layer; layers of which the run does not say, with the reason."""
    names = list(dict.fromkeys(run.tiles["layer"]))
    if of_kind(run.chip.pe_array, InnerJoinArray).unrolling == "fixed":
        return dict.fromkeys(names), []
    plans = whole_plans(root / "plans.csv")
    held = {name: plans[name].spatial for name in names if name in plans}
    return held, [f"{name}: fused, its unrolling is not in plans.csv" for name in names if name not in plans]


def _check(name: str, mac: Ints, slot: Ints, rows: "pd.DataFrame") -> None:
    """Raise AccelsimError unless PEs add up to what the kernel counted."""
    wanted = int(rows["mac_lane_cycles"].sum()), int((rows["done_macs"] + rows["gated_macs"]).sum())
    if (found := (int(mac.sum()), int(slot.sum()))) != wanted:
        raise AccelsimError(
            f"{name}: its PEs do {found[0]} effectual MACs in {found[1]} slots, but the run counted "
            f"{wanted[0]} in {wanted[1]}"
        )


def _frame(name: str, mac: Ints, slot: Ints) -> "pd.DataFrame":
    import pandas as pd

    part, row, column = (axis.ravel() for axis in np.indices(mac.shape))
    values = (name, part, row, column, mac.ravel(), slot.ravel())
    return pd.DataFrame(dict(zip(PE_COLUMNS, values, strict=True)))


def pe_lane_cycles(
    trace: LayerTrace, boxes: Ints, chip: Accelerator, held: Unrolling | None = None
) -> tuple[Ints, Ints]:
    """Lane-cycles of each PE over all tiles: effectual MACs, and slots (done and gated MACs).

    Parameters
    ----------
    boxes : int64 [tiles, 10], columns tables.BOX
    held : what the PEs hold at once; None: a filter a row, a position a column

    Returns
    -------
    (mac, slot) : int64 [parts, filters, positions] each
    """
    array = of_kind(chip.pe_array, InnerJoinArray)
    held = held or Unrolling(array.rows, array.columns)
    masks = _masks(trace)
    shape = (held.parts, held.filters, held.positions)
    mac, slot = np.zeros(shape), np.zeros(shape)
    columns: dict[tuple[int, ...], tuple[Floats, Floats]] = {}
    for box in boxes:
        place = (*box[:2].tolist(), *box[4:].tolist())  # tiles of filters share their positions
        if place not in columns:
            columns = {place: _by_column(masks, box, held.positions)}
        present, filters, groups = _by_row(masks, box, held.filters)
        active, positions = columns[place][0][:, groups], columns[place][1]
        part = _part(masks.layer, box, array.chunk_elements, held.parts)
        w, a = present, active
        if array.weight_policy != "skip":
            w = np.broadcast_to(filters[:, :, None, None], w.shape)
        if array.activation_policy != "skip":
            a = np.broadcast_to(positions[:, None, None, None], a.shape)
        for p in range(held.parts):
            mine = part == p
            mac[p] += _met(present * mine, active)
            slot[p] += _met(w * mine, a)
    return mac.astype(np.int64), slot.astype(np.int64)


def _met(rows: Floats, columns: Floats) -> Floats:
    """[rows, columns]: sums over group, tap and channel of the products."""
    product: Floats = rows.reshape(len(rows), -1) @ columns.reshape(len(columns), -1).T
    return product


def _masks(trace: LayerTrace) -> _Masks:
    layer = trace.layer
    zeros = trace.weight_zero_points.astype(np.int16).reshape(-1, 1, 1, 1)
    weights = (trace.weights != zeros).reshape(layer.filters, -1, layer.group_channels)
    top, left, bottom, right = layer.padding
    inside = trace.activations != trace.activation_zero_point
    return _Masks(layer, weights, np.pad(inside, ((0, 0), (top, bottom), (left, right), (0, 0))))


def _by_row(masks: _Masks, box: Ints, rows: int) -> tuple[Floats, Floats, slice]:
    """Filters with a weight, [rows, groups, taps, channels of the box]; filters, [rows, groups]; groups."""
    k0, k1, c0, c1 = box[2:6].tolist()
    of_group = masks.layer.group_filters
    first, last = k0 // of_group, (k1 - 1) // of_group
    found = np.zeros((rows, last - first + 1, masks.weights.shape[1], c1 - c0))
    filters = np.zeros(found.shape[:2])
    for block, size in _blocks(k0, k1, rows, of_group):
        groups = np.arange(block, block + size) // of_group - first
        # A row appears once in a block, so that the sums do not collide.
        found[np.arange(size), groups] += masks.weights[block : block + size, :, c0:c1]
        filters[np.arange(size), groups] += 1
    return found, filters, slice(first, last + 1)


def _blocks(k0: int, k1: int, rows: int, of_group: int) -> Iterator[tuple[int, int]]:
    """First filter and size of each block of filters: several whole groups if two fit, else of one group."""
    k = k0
    while k < k1:
        fitting = min(rows, k1 - k) // of_group
        size = min(rows, k1 - k, of_group - k % of_group)
        if k % of_group == 0 and fitting > 1:
            size = fitting * of_group
        yield k, size
        k += size


def _by_column(masks: _Masks, box: Ints, columns: int) -> tuple[Floats, Floats]:
    """Positions with an activation: float64 [columns, all groups, taps, channels of the box]; positions."""
    layer = masks.layer
    n0, n1, _, _, c0, c1, p0, p1, q0, q1 = box.tolist()
    count = (n1 - n0) * (p1 - p0) * (q1 - q0)
    blocks = -(-count // columns)
    taps = layer.kernel[0] * layer.kernel[1]
    found = np.zeros((columns, layer.groups, taps, c1 - c0))
    for tap in range(taps):
        r, s = divmod(tap, layer.kernel[1])
        top, left = (at * step for at, step in zip((r, s), layer.dilation, strict=True))
        rows = slice(p0 * layer.stride[0] + top, (p1 - 1) * layer.stride[0] + top + 1, layer.stride[0])
        cols = slice(q0 * layer.stride[1] + left, (q1 - 1) * layer.stride[1] + left + 1, layer.stride[1])
        seen = masks.activations[n0:n1, rows, cols].reshape(count, layer.groups, -1)[:, :, c0:c1]
        padded = np.zeros((blocks * columns, *seen.shape[1:]), bool)
        padded[:count] = seen
        found[:, :, tap] = padded.reshape(blocks, columns, *seen.shape[1:]).sum(axis=0)
    positions = np.bincount(np.arange(count) % columns, minlength=columns).astype(np.float64)
    return found, positions


def _part(layer: Layer, box: Ints, chunk_elements: int, parts: int) -> Ints:
    """The part that works on a tap's channel: int64 [taps, channels of the box]; chunks go round."""
    channels = int(box[5] - box[4])
    chunks = -(-channels // chunk_elements)
    chunk = (
        np.arange(layer.kernel[0] * layer.kernel[1])[:, None] * chunks + np.arange(channels) // chunk_elements
    )
    return chunk % parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmaps:
    """How uneven the PEs of each layer are, what could not be counted, and the files written."""

    balance: "pd.DataFrame"
    left_out: list[str]
    files: list[Path]


def write_heatmaps(trace_path: Path, folder: Path, layers: Sequence[str] = ()) -> Heatmaps:
    """Count the PEs of a run into its folder's pes.csv, and draw layers: SVG, PNG and CSV in plots/pes.

    Parameters
    ----------
    layers : those drawn; the most uneven ones if none

    Raises
    ------
    InputError
        If a layer was not counted, a file cannot be written, or as `pe_table` and `open_trace`.
    """
    run = read_run(folder)
    table, left_out = pe_table(open_trace(trace_path), folder)
    used, balance = plots.with_utilisation(run, table), plots.balance_table(run, table)
    known = balance["layer"].tolist()
    if unknown := [name for name in layers if name not in known]:
        raise InputError(f"--layer must be one of {listed(known)}, not {unknown[0]!r}")
    files = [folder / FILE]
    write_whole(files[0], csv_bytes(table))
    for name in layers or known[:MOST_PICTURES]:
        those = used[used["layer"] == name].reset_index(drop=True)
        figure = plots.heatmap(those, name, run.title)
        stem = folder / "plots" / "pes" / re.sub(r"[^\w.-]", "_", name)
        files += [*plots.save(figure, stem, those), save_png(figure, stem)]
    return Heatmaps(balance=balance, left_out=left_out, files=files)
