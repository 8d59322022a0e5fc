"""Why no plan of a layer fits, in words: what the least demanding tile holds, and what it lacks."""

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import DATAFLOWS
from accelsim.hardware import Accelerator
from accelsim.mapper import _operand_kernel
from accelsim.mapper._bounds_kernel import counts_of, reserve_of
from accelsim.mapper.encoded import EncodedSizes
from accelsim.mapper.space import Space
from accelsim.mapper.traffic import chip_vector, extents_vector, layer_vector, size_arrays
from accelsim.network import Layer

Ints = npt.NDArray[np.int64]


def reason_of_no_fit(space: Space, layer: Layer, chip: Accelerator, sizes: EncodedSizes) -> str:
    """A sentence: bytes of the least demanding plan by operand, and how many more it needs."""
    if not len(space.tilings):
        return f"{layer.name}: no plan has few enough tiles for {chip.name}"
    smallest = _smallest(space)
    tile, parts = min(
        (_parts(size, layer, chip, sizes) for size in smallest), key=lambda found: _lacking(found[1], chip)[0]
    )
    capacity, needed = chip.scratchpad.capacity_bytes, sum(parts.values())
    filters, pixels = _counted(tile[3] - tile[2], "filter"), f"{tile[7] - tile[6]} x {tile[9] - tile[8]}"
    what = {
        "weights": f"the weights of {filters} of {_counted(tile[5] - tile[4], 'channel')}",
        "activations": f"{_counted(_input_rows(tile[7] - tile[6], layer), 'row')} of activations",
        "outputs": f"{pixels} outputs of {filters} (worst case, or partial sums)",
    }
    lacks, largest = _lacking(parts, chip)
    held = ", ".join(f"{parts[name]} for {what[name]}" for name in parts)
    pad = f"the scratchpad of {capacity} bytes"
    if chip.scratchpad.is_split:
        pad = f"the regions of the scratchpad, {', '.join(map(str, chip.scratchpad.regions))} bytes"
    return (
        f"{layer.name}: no plan fits {pad}: the least demanding needs "
        f"{lacks} bytes more for {what[largest]}; its fullest tile holds {needed} bytes: {held}. "
        f"Tiles are {_quantum(layer, chip)}"
    )


def _lacking(parts: dict[str, int], chip: Accelerator) -> tuple[int, str]:
    """Bytes that operands need more than there are, and of which operand: the largest, or a region's own."""
    if not chip.scratchpad.is_split:
        return sum(parts.values()) - chip.scratchpad.capacity_bytes, max(parts, key=lambda name: parts[name])
    found = zip(parts.items(), chip.scratchpad.regions, strict=True)
    return max((size - region, name) for (name, size), region in found)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"


def _smallest(space: Space) -> Ints:
    """Tilings of which none other has all tiles as small: int64 [tilings, 5], sizes."""
    sizes = space.choices[np.arange(5), space.tilings]
    order = np.argsort(sizes.prod(axis=1), kind="stable")
    kept: list[Ints] = []
    for size in sizes[order]:
        if not any((other <= size).all() for other in kept):
            kept.append(size)
    return np.array(kept)


def _parts(
    size: Ints, layer: Layer, chip: Accelerator, sizes: EncodedSizes
) -> tuple[list[int], dict[str, int]]:
    """The tile of a tiling that needs most: its box, and its bytes by operand."""
    extents, arrays = extents_vector(layer), size_arrays(sizes)
    of_layer = layer_vector(layer, chip), chip_vector(layer, chip)
    counts = counts_of(size, extents)
    weights = _operand_kernel.weight_tiles(size, counts, extents, *of_layer, arrays)[:, _operand_kernel.HELD]
    activations = _operand_kernel.activation_tiles(size, counts, extents, *of_layer, arrays)
    n, k, c, p, q = np.indices(counts).reshape(5, -1)
    of_filters = k if layer.groups > 1 else np.zeros_like(k)
    at = (((of_filters * counts[0] + n) * counts[2] + c) * counts[3] + p) * counts[4] + q
    w, a = weights[k * counts[2] + c], activations[at, _operand_kernel.HELD]
    o = np.array(
        [
            reserve_of(_operand_kernel.box_of(index, size, extents), counts, *of_layer, sizes.kept_outputs)
            for index in np.stack([n, k, c, p, q], axis=1)
        ]
    )
    worst = int(np.argmax(w + a + o))
    box = _operand_kernel.box_of(np.array([x[worst] for x in (n, k, c, p, q)]), size, extents)
    return box.tolist(), {"weights": int(w[worst]), "activations": int(a[worst]), "outputs": int(o[worst])}


def _input_rows(rows: int, layer: Layer) -> int:
    return (rows - 1) * layer.stride[0] + (layer.kernel[0] - 1) * layer.dilation[0] + 1


def _quantum(layer: Layer, chip: Accelerator) -> str:
    return (
        f"whole chunks of {_counted(chip.pe_array.chunk_elements, 'channel')} and at least "
        f"{_counted(min(DATAFLOWS[chip.dataflow].filters_at_once(chip), layer.filters), 'filter')}"
    )
