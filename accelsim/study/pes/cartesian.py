"""`cartesian`: a PE owns a rectangle of the input plane (docs/dataflows/cartesian.md).

::

    pixel of output row p at tap row r: u = p + floor(r x dilation / stride), on the PE row of its band of u
    mac[i, j]  = sum over group, tap, channel of  filters with a weight there
                                                x outputs of the tile whose pixel there is the PE's, not zero
    slot[i, j] = the same of stored entries: of weights in blocks of filters, of activations in rectangles
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import CartesianArray, of_kind
from accelsim.network import Layer
from accelsim.study.pes.operands import Bools, Counts, Floats, Ints, Operands, stored, whole
from accelsim.units import ceil_div


@dataclass(frozen=True, slots=True)
class Bands:
    """Rows (or columns) of the plane as PEs own them, along one axis of a tile.

    Attributes
    ----------
    low, high : of u, the pixels' rows without their phase
    size : rows of a PE's band; 0 if the tile has no pixel
    reach : outputs that one pixel can reach
    """

    low: int
    high: int
    size: int
    reach: int

    def of(self, pe: int) -> range:
        """The rows u of a PE."""
        first = self.low + pe * self.size
        return range(first, max(first, min(first + self.size, self.high)))


def bands_of(layer: Layer, box: Ints, axis: int, pes: int) -> Bands:
    """Bands along rows (axis 0) or columns (1): section 1, Rectangles."""
    first, last = box[6 + 2 * axis : 8 + 2 * axis].tolist()
    length = (layer.input_height, layer.input_width)[axis]
    stride, padding = layer.stride[axis], layer.padding[axis]
    reach = (layer.kernel[axis] - 1) * layer.dilation[axis] // stride + 1
    low = max(first, padding // stride)
    high = min(last + reach - 1, (length - 1 + padding) // stride + 1)
    return Bands(low, high, ceil_div(max(high - low, 0), pes), reach)


def activations_of(
    operands: Operands, box: Ints, chip: Accelerator, held: None
) -> tuple[Floats, Floats] | None:
    """Outputs whose pixel at a tap is a PE's: non-zero ones, stored ones; None if no output meets a pixel.

    float64 [PEs, groups, taps, channels] each.
    """
    bands = _bands(operands.layer, box, chip)
    if not all(one.size for one in bands):
        return None
    entries = _stored_activations(operands, bands, chip)
    return _by_pe(operands, box, bands, chip, None), _by_pe(operands, box, bands, chip, entries)


def pes_of(
    operands: Operands, box: Ints, chip: Accelerator, held: None, seen: tuple[Floats, Floats] | None
) -> Counts:
    """Lane-cycles of each PE in a tile: effectual MACs, and slots; int64 [1, rows, columns] each."""
    array = of_kind(chip.pe_array, CartesianArray)
    mac, slot = np.zeros((2, array.rows * array.columns))
    for group, weights in operands.groups(box) if seen is not None else ():
        entries = _stored_weights(operands.layer, weights, _bands(operands.layer, box, chip), array)
        for sums, held_by, met in zip((mac, slot), (weights, entries), seen or (), strict=True):
            sums += met[:, group].reshape(len(sums), -1) @ held_by.sum(axis=0, dtype=np.float64).ravel()
    shape = array.rows, array.columns
    return whole(mac.reshape(shape), slot.reshape(shape))


def _bands(layer: Layer, box: Ints, chip: Accelerator) -> tuple[Bands, Bands]:
    pes = chip.pe_array.rows, chip.pe_array.columns
    return bands_of(layer, box, 0, pes[0]), bands_of(layer, box, 1, pes[1])


def _by_pe(
    operands: Operands, box: Ints, bands: tuple[Bands, Bands], chip: Accelerator, activations: Bools | None
) -> Floats:
    layer = operands.layer
    pes = chip.pe_array.rows, chip.pe_array.columns
    found = []
    for tap, seen in enumerate(operands.taps(box, activations)):
        at = divmod(tap, layer.kernel[1])
        sums = seen.sum(axis=0, dtype=np.float64)  # [p, q, groups, channels]
        for axis in (0, 1):
            u = (
                np.arange(*box[6 + 2 * axis : 8 + 2 * axis])
                + at[axis] * layer.dilation[axis] // layer.stride[axis]
            )
            # What is beyond the bands is padding: whose it is does not matter.
            pe = np.clip((u - bands[axis].low) // bands[axis].size, 0, pes[axis] - 1)
            on_pe = (pe == np.arange(pes[axis])[:, None]).astype(np.float64)
            sums = np.moveaxis(np.tensordot(on_pe, sums, (1, axis)), 0, axis)
        found.append(sums.reshape(-1, *sums.shape[2:]))
    return np.stack(found, axis=2)


def _phases(layer: Layer) -> Iterator[tuple[int, int]]:
    yield from np.ndindex(*layer.stride)


def _stored_activations(operands: Operands, bands: tuple[Bands, Bands], chip: Accelerator) -> Bools:
    """Entries of each PE, input, channel and phase, its pixels row by row: bool [N, H, W, C]."""
    layer, nonzero = operands.layer, operands.activations
    entries = np.zeros_like(nonzero)
    for i, j in np.ndindex(chip.pe_array.rows, chip.pe_array.columns):
        for phase in _phases(layer):
            h, w = (
                np.array(
                    [u * layer.stride[axis] + phase[axis] - layer.padding[axis] for u in one.of(pe)], int
                )
                for axis, (one, pe) in enumerate(zip(bands, (i, j), strict=True))
            )
            h, w = h[(h >= 0) & (h < layer.input_height)], w[(w >= 0) & (w < layer.input_width)]
            if not (len(h) and len(w)):
                continue
            pixels = nonzero[:, h[:, None], w]
            lists = np.moveaxis(pixels.reshape(len(pixels), -1, layer.channels), 1, 0)
            entries[:, h[:, None], w] = np.moveaxis(stored(lists), 0, 1).reshape(pixels.shape)
    return entries


def _stored_weights(layer: Layer, weights: Bools, bands: tuple[Bands, Bands], array: CartesianArray) -> Bools:
    """Entries of each block of filters, channel and phase: bool [filters, taps, channels]."""
    area = (bands[0].size + bands[0].reach - 1) * (bands[1].size + bands[1].reach - 1)
    block = array.banks * array.bank_entries // area
    entries = np.zeros_like(weights)
    taps = np.array(list(np.ndindex(*layer.kernel))) * layer.dilation % layer.stride
    for phase in _phases(layer):
        mine = np.flatnonzero((taps == phase).all(axis=1))
        for first in range(0, len(weights), block) if len(mine) else ():
            part = weights[first : first + block, mine]
            lists = stored(part.reshape(-1, part.shape[2]))
            entries[first : first + block, mine] = lists.reshape(part.shape)
    return entries
