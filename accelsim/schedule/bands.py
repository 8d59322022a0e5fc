"""Rows of fused layers: each band of the last layer's rows asks the layers before for what it still lacks.

::

    for n, for band of the last layer's rows
      for layer in chain        # rows that were not computed yet, up to what the next layer's windows span
        for tile of filters     # all channels, all columns

A row is computed once; rows that the next band's windows span again (the halo) stay until then.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from accelsim.network import Layer

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Bands:
    """The tiles of a chain in the order of execution.

    Attributes
    ----------
    boxes : of each layer, int64 [tiles of the layer, 10], columns BOX
    layer_of, place : int64 [tiles], whose tile it is, and its row in that layer's boxes
    made : (tile, layer, n, first row, end): before this tile, bytes are reserved for rows of this layer
    used : (tile, layer, n, first row, end): after this tile, nobody reads these rows of this layer
    """

    boxes: tuple[Ints, ...]
    layer_of: Ints
    place: Ints
    made: tuple[tuple[int, int, int, int, int], ...]
    used: tuple[tuple[int, int, int, int, int], ...]


def rows_needed(layer: Layer, rows: int) -> int:
    """Input rows, from the first, that a layer's first `rows` output rows span."""
    if rows == 0:
        return 0
    end = (rows - 1) * layer.stride[0] - layer.padding[0] + (layer.kernel[0] - 1) * layer.dilation[0] + 1
    return min(max(end, 0), layer.input_height)


def rows_done(layer: Layer, rows: int) -> int:
    """Input rows, from the first, that no output row from `rows` on reads."""
    if rows == layer.output_height:
        return layer.input_height
    return min(max(rows * layer.stride[0] - layer.padding[0], 0), layer.input_height)


def band_ends(layers: Sequence[Layer], band: int) -> list[list[int]]:
    """For each band, how many rows of each layer are computed when it ends.

    Parameters
    ----------
    band : rows of the last layer in a band
    """
    found = []
    height = layers[-1].output_height
    for end in range(band, height + band, band):
        ends = [min(end, height)]
        for layer, after in zip(reversed(layers[:-1]), reversed(layers[1:]), strict=True):
            all_rows = ends[0] == after.output_height
            ends.insert(0, layer.output_height if all_rows else rows_needed(after, ends[0]))
        found.append(ends)
    return found


def chain_bands(layers: Sequence[Layer], band: int, tile_k: Sequence[int]) -> Bands:
    """Tiles of a chain, band by band.

    Parameters
    ----------
    tile_k : filters of a tile, for each layer
    """
    boxes: list[list[list[int]]] = [[] for _ in layers]
    order: list[tuple[int, int]] = []
    made, used = [], []
    ends = band_ends(layers, band)
    for n in range(layers[0].batch):
        done, freed = [0] * len(layers), [0] * len(layers)
        for upto in ends:
            for i, layer in enumerate(layers):
                if upto[i] == done[i]:
                    continue
                if i + 1 < len(layers):
                    made.append((len(order), i, n, done[i], upto[i]))
                for k in range(0, layer.filters, tile_k[i]):
                    order.append((i, len(boxes[i])))
                    end_k = min(k + tile_k[i], layer.filters)
                    rows = (done[i], upto[i], 0, layer.output_width)
                    boxes[i].append([n, n + 1, k, end_k, 0, layer.group_channels, *rows])
                done[i] = upto[i]
                if i and (end := min(rows_done(layer, done[i]), done[i - 1])) > freed[i - 1]:
                    used.append((len(order) - 1, i - 1, n, freed[i - 1], end))
                    freed[i - 1] = end
    layer_of, place = np.ascontiguousarray(np.array(order, np.int64).T)
    arrays = tuple(np.array(rows, np.int64) for rows in boxes)
    return Bands(
        arrays, np.ascontiguousarray(layer_of), np.ascontiguousarray(place), tuple(made), tuple(used)
    )
