"""How a tile of rows is mapped on PEs: section 1 of docs/dataflows/row_stationary.md."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.hardware.arrays import RowSpads
from accelsim.network import Layer
from accelsim.plan import Plan
from accelsim.trace import LayerTrace
from accelsim.units import ceil_div

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mapping:
    """Filters p and channels q of a PE; sets r of other channels, t of other filters; passes over filters."""

    p: int
    q: int
    r: int
    t: int
    passes: int


def set_places(array: RowSpads, kernel_rows: int, output_rows: int) -> int:
    """PE sets of `kernel_rows` x `output_rows` PEs that the array holds at once."""
    shelves = array.rows // kernel_rows
    if output_rows <= array.columns:
        return shelves * (array.columns // output_rows)
    return shelves // ceil_div(output_rows, array.columns)


def map_tile(layer: Layer, filters: int, channels: int, output_rows: int, array: RowSpads) -> Mapping | str:
    """The mapping of a tile of these sizes, or why there is none."""
    kernel_rows, taps = layer.kernel
    q_most = min(array.activation_spad_entries, array.weight_spad_entries) // taps
    if q_most < 1:
        return (
            f"a row of {taps} taps, a PE holds {array.activation_spad_entries} activations and "
            f"{array.weight_spad_entries} weights (pe_array.*_spad_entries)"
        )
    places = set_places(array, kernel_rows, output_rows)
    if places < 1:
        return (
            f"a PE set of {kernel_rows} filter rows and {output_rows} output rows does not fit on "
            f"{array.rows} x {array.columns} PEs (pe_array.rows, columns)"
        )
    r = ceil_div(channels, q_most)
    if r > places:
        return (
            f"{channels} channels at {q_most} a PE take {r} sets, and the array holds {places} of "
            f"{output_rows} output rows"
        )
    q, t_most = ceil_div(channels, r), places // r
    p_most = min(array.sum_spad_entries, array.weight_spad_entries // (q * taps), filters)
    p = min(range(1, p_most + 1), key=lambda p: (ceil_div(filters, p * t_most) * p, -p))
    passes = ceil_div(filters, p * t_most)
    return Mapping(p=p, q=q, r=r, t=ceil_div(filters, p * passes), passes=passes)


def layer_refusal(trace: LayerTrace, dataflow: str, array: RowSpads) -> str | None:
    """Why no tile of a layer can be mapped, or None."""
    layer = trace.layer
    if layer.dilation != (1, 1):
        return f"{dataflow} runs convolutions without dilation, not {layer.dilation[0]} x {layer.dilation[1]}"
    channels = min(layer.group_channels, array.chunk_elements)
    found = map_tile(layer, 1, channels, 1, array)
    return found if isinstance(found, str) else None


def tile_refusal(plan: Plan, layer: Layer, array: RowSpads) -> str | None:
    """Why a tile of a plan's sizes cannot be mapped, or None."""
    found = map_tile(layer, min(plan.tile_k, layer.group_filters), plan.tile_c, plan.tile_p, array)
    return found if isinstance(found, str) else None


def of_one_group(layer: Layer, box: Ints) -> list[Ints]:
    """The parts of a tile that are worked on one after the other: its groups."""
    filters = min(int(box[3] - box[2]), layer.group_filters)
    parts = []
    for k in range(int(box[2]), int(box[3]), filters):
        part = box.copy()
        part[2:4] = k, k + filters
        parts.append(part)
    return parts


def mapping_of_box(layer: Layer, box: Ints, array: RowSpads) -> Mapping:
    """The mapping of a tile that `tile_refusal` let pass."""
    found = map_tile(layer, int(box[3] - box[2]), int(box[5] - box[4]), int(box[7] - box[6]), array)
    if isinstance(found, str):
        raise ValueError(f"{layer.name}: {found}")
    return found
