"""A network four ways, and a chip as it stores each of them.

::

    uncompressed   no weight is zero; every tensor dense in DRAM, at the chip's own bits
    quantised      its weights on a grid of 4 bits, and 4 bits in DRAM; else as uncompressed
    pruned         the pruned network at the chip's own bits, stored as the chip stores it
    encoded        the pruned weights on the 4-bit grid, as Huffman-coded run lengths in DRAM; feature maps
                   in DRAM as masks and values (run lengths where planes are stored row by row)

A pruned network's lost weights are unknown. They are filled with seeded values up to the smallest that its
layer kept: for cycles only that they are not zero counts. A network without zeros is pruned by magnitude.
The scratchpad holds what the array reads, always; so zeros of feature maps are skipped in all four.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.compress.prune import prune_network
from accelsim.compress.quantise import quantise_weights
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import ColumnBroadcastArray, StructuredArray
from accelsim.trace import LayerParameters, NetworkTrace, replace_parameters
from accelsim.trace.layer import Tensor

UNCOMPRESSED = "uncompressed"
VARIANTS = (UNCOMPRESSED, "quantised", "pruned", "encoded")
BITS = 4
DENSITY = 0.4
# A network with fewer zero weights than this counts as unpruned.
_PRUNED_FRACTION = 0.1


def variants_of(trace: NetworkTrace, density: float = DENSITY, seed: int = 0) -> dict[str, NetworkTrace]:
    """The network's four traces; activations are the same in all."""
    given = [trace.parameters[name] for name in trace.weighted_layers]
    weights = sum(parameters.weights.size for parameters in given)
    zeros = sum(int((~_nonzero(parameters)).sum()) for parameters in given)
    pruned = trace if zeros >= _PRUNED_FRACTION * weights else prune_network(trace, density)
    whole = filled(trace, seed)
    return {
        UNCOMPRESSED: whole,
        "quantised": quantise_weights(whole, BITS),
        "pruned": pruned,
        "encoded": quantise_weights(pruned, BITS),
    }


def filled(trace: NetworkTrace, seed: int = 0) -> NetworkTrace:
    """The network with a value in place of every zero weight, up to the smallest that its layer kept."""
    parameters = {}
    for index, name in enumerate(trace.weighted_layers):
        given, kept = trace.parameters[name], _nonzero(trace.parameters[name])
        zeros = given.weight_zero_points.reshape(-1, 1, 1, 1).astype(np.int32)
        distance = np.abs(given.weights.astype(np.int32) - zeros)
        most = int(distance[kept].min()) if kept.any() else 1
        generator = np.random.default_rng([seed, index])
        drawn = generator.integers(1, most + 1, given.weights.shape)
        signed = zeros + drawn * generator.choice(np.array([-1, 1]), given.weights.shape)
        allowed = np.iinfo(given.weights.dtype)
        # Beyond the end of the type there is room on the other side of the zero point.
        signed = np.where((signed < allowed.min) | (signed > allowed.max), 2 * zeros - signed, signed)
        whole: Tensor = np.where(kept, given.weights, signed).astype(given.weights.dtype)
        parameters[name] = replace(given, weights=whole)
    note = f"zero weights filled with values up to the smallest kept of their layer, seed {seed}"
    return replace_parameters(trace, parameters, note, name=f"{trace.network.name}-filled")


def _nonzero(given: LayerParameters) -> npt.NDArray[np.bool_]:
    return np.asarray(given.weights != given.weight_zero_points.reshape(-1, 1, 1, 1), np.bool_)


def variant_chip(chip: Accelerator, variant: str) -> Accelerator:
    """The chip as it stores a variant's tensors in DRAM.

    EIE's array reads nothing but compressed columns: uncompressed and pruned it has no codebook.
    """
    own = chip.encodings
    dense = {"dram_weights": "dense", "dram_activations": "dense", "dram_outputs": "dense"}
    stored: dict[str, Any] = {"dram_weight_bits": None, "dram_weight_codebook": False}
    array: dict[str, Any] = {}
    interleaved = isinstance(chip.pe_array, ColumnBroadcastArray)
    if variant in (UNCOMPRESSED, "quantised"):
        stored |= dense
        if variant == "quantised":
            stored["dram_weight_bits"] = BITS
    elif variant == "encoded":
        planes = chip.pe_array.chunk_elements == 1
        masks = "run_length4" if planes else "bitmask"
        maps = own.activations if own.dram_activations == "same" else own.dram_activations
        if not interleaved:  # whose columns are compressed in DRAM as they are in its PEs
            stored |= {"dram_weights": "huffman_run_length5", "dram_weight_bits": BITS}
        if maps == "dense":
            stored |= {"dram_activations": masks, "dram_outputs": masks}
    if interleaved and variant != "encoded":
        bits = BITS if variant == "quantised" else chip.pe_array.weight_bits
        array = {"codebook": False, "stored_weight_bits": bits}
    document = chip.model_dump()
    document["encodings"] |= stored
    document["pe_array"] |= array
    return Accelerator.model_validate(document)


def for_array(traces: dict[str, NetworkTrace], chip: Accelerator) -> dict[str, NetworkTrace]:
    """The traces, pruned N of M for an array that uses no other zeros."""
    array = chip.pe_array
    if not isinstance(array, StructuredArray):
        return traces
    share = array.kept_per_block / array.block_elements
    return traces | {
        variant: prune_network(traces[variant], share, "n_m", array.block_elements)
        for variant in ("pruned", "encoded")
    }
