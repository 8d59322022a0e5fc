"""Does compression speed up every engine? The same network, four ways, on every shipped chip.

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

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.compress.prune import prune_network
from accelsim.compress.quantise import quantise_weights
from accelsim.dataflows import unsupported_layers
from accelsim.errors import InputError, PlanError
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import ColumnBroadcastArray, StructuredArray
from accelsim.report.kinds import kind_of
from accelsim.results import LayerResult, NetworkResult, ratio
from accelsim.simulation import simulate
from accelsim.study.compression_words import sentences
from accelsim.trace import LayerParameters, NetworkTrace, replace_parameters
from accelsim.trace.layer import Tensor

if TYPE_CHECKING:
    import pandas as pd

UNCOMPRESSED = "uncompressed"
VARIANTS = (UNCOMPRESSED, "quantised", "pruned", "encoded")
BITS = 4
DENSITY = 0.4
# A network with fewer zero weights than this counts as unpruned.
_PRUNED_FRACTION = 0.1


@dataclass(frozen=True, kw_only=True)
class CompressionStudy:
    """What came out.

    Attributes
    ----------
    table : a row per chip and variant
    kinds : a row per chip, kind of layer and variant
    left_out : layers that a chip cannot run in some variant, by chip, with the reason; it runs none of them
    sentences : one per chip, and one over all
    """

    network: str
    table: "pd.DataFrame"
    kinds: "pd.DataFrame"
    left_out: dict[str, dict[str, str]]
    sentences: tuple[str, ...]


def compression_study(
    trace: NetworkTrace,
    chips: Sequence[Accelerator],
    *,
    density: float = DENSITY,
    threads: int | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> CompressionStudy:
    """Run a network four ways on each chip.

    Parameters
    ----------
    density : of each layer's weights after pruning, where the network has no zeros of its own
    progress : called with a chip and variant that is done

    Raises
    ------
    InputError
        If no chip can run a layer.
    """
    import pandas as pd

    traces = variants_of(trace.select_input(0), density, seed)
    rows: list[dict[str, Any]] = []
    kinds: list[dict[str, Any]] = []
    left_out: dict[str, dict[str, str]] = {}
    for chip in chips:
        results, left_out[chip.name] = _on_chip(traces, chip, threads, seed, progress)
        rows += _rows(results, chip, left_out[chip.name])
        kinds += _kind_rows(results, chip)
    if not rows:
        raise InputError(f"{trace.network.name}: none of the chips runs a layer of it")
    table = pd.DataFrame(rows)
    return CompressionStudy(
        network=trace.network.name,
        table=table,
        kinds=pd.DataFrame(kinds),
        left_out={chip: layers for chip, layers in left_out.items() if layers},
        sentences=sentences(table, trace.network.name),
    )


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


def _nonzero(given: LayerParameters) -> "np.ndarray[Any, np.dtype[np.bool_]]":
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


def _on_chip(
    traces: dict[str, NetworkTrace],
    chip: Accelerator,
    threads: int | None,
    seed: int,
    progress: Callable[[str], None] | None,
) -> tuple[dict[str, NetworkResult], dict[str, str]]:
    """Results by variant, all of the same layers; and the layers left out, with the reason."""
    fitted = {variant: variant_chip(chip, variant) for variant in traces}
    if isinstance(chip.pe_array, StructuredArray):  # which uses no other zeros
        array = chip.pe_array
        share = array.kept_per_block / array.block_elements
        pruned = {
            variant: prune_network(traces[variant], share, "n_m", array.block_elements)
            for variant in ("pruned", "encoded")
        }
        traces = traces | pruned
    left_out: dict[str, str] = {}
    for variant, trace in traces.items():
        left_out = unsupported_layers(trace, fitted[variant]) | left_out
    layers = traces[UNCOMPRESSED].layers
    results: dict[str, NetworkResult] = {}
    while len(results) < len(traces) and len(left_out) < len(layers):
        variant = next(name for name in traces if name not in results)
        try:
            results[variant] = simulate(
                traces[variant], fitted[variant], left_out=left_out, threads=threads, seed=seed
            )
        except PlanError as error:  # a layer of which no plan fits: its message begins with the name
            found = [name for name in layers if name not in left_out and str(error).startswith(f"{name}: ")]
            if not found:
                raise
            left_out |= {found[0]: f"{chip.name}: {error}"}
            results.clear()
            continue
        if progress is not None:
            progress(f"{chip.name} {variant}")
    return (results if len(left_out) < len(layers) else {}), left_out


def _rows(
    results: dict[str, NetworkResult], chip: Accelerator, left_out: dict[str, str]
) -> list[dict[str, Any]]:
    rows = []
    for variant, result in results.items():
        first, summary = results[UNCOMPRESSED], result.summary()
        e = result.chip.encodings
        saved = {part: cycles - _spent(result)[part] for part, cycles in _spent(first).items()}
        rows.append(
            {
                "chip": chip.name,
                "dataflow": chip.dataflow,
                "variant": variant,
                "dram_weights": e.weights if e.dram_weights == "same" else e.dram_weights,
                "dram_weight_bits": e.dram_weight_bits or _stored_bits(result.chip),
                "weight_density_fraction": summary["weight_density_fraction"],
                "cycles": result.cycles,
                "dram_bytes": _moved(result.layer_results),
                "energy_uj": summary["energy_uj_mean"],
                "dram_bound_fraction": _dram_bound(result.layer_results),
                "bound_by": result.bound_by(),
                "speedup": ratio(first.cycles, result.cycles),
                "dram_bytes_fraction": ratio(_moved(result.layer_results), _moved(first.layer_results)),
                "energy_fraction": ratio(summary["energy_uj_mean"], first.summary()["energy_uj_mean"]),
                "saved_cycles": first.cycles - result.cycles,
                **{f"saved_{part}_cycles": cycles for part, cycles in saved.items()},
                "layers_left_out": len(left_out),
            }
        )
    return rows


def _spent(result: NetworkResult) -> dict[str, int]:
    """Cycles between tiles, which wait for DRAM; of operations of the postprocessor; in which tiles compute."""
    array = result.total("compute_cycles")
    operations = sum(layer.cycles for layer in result.layer_results if layer.layer is None)
    return {"dram_wait": result.cycles - array - operations, "operation": operations, "array": array}


def _stored_bits(chip: Accelerator) -> int:
    array = chip.pe_array
    return array.stored_weight_bits if isinstance(array, ColumnBroadcastArray) else array.weight_bits


def _moved(layers: Sequence[LayerResult]) -> int:
    return sum(layer.dram_read_bytes + layer.dram_write_bytes for layer in layers)


def _dram_bound(layers: Sequence[LayerResult]) -> float:
    """Share of the cycles in layers whose DRAM traffic alone takes longer than their array."""
    cycles = sum(layer.cycles for layer in layers)
    return ratio(sum(layer.cycles for layer in layers if layer.bound_by == "dram"), cycles)


def _kind_rows(results: dict[str, NetworkResult], chip: Accelerator) -> list[dict[str, Any]]:
    if not results:
        return []
    rows = []
    first = results[UNCOMPRESSED].layer_results
    for kind in dict.fromkeys(kind_of(layer) for layer in first):
        was = [layer for layer in first if kind_of(layer) == kind]
        for variant, result in results.items():
            now = [layer for layer in result.layer_results if kind_of(layer) == kind]
            cycles = sum(layer.cycles for layer in now)
            rows.append(
                {
                    "chip": chip.name,
                    "kind": kind,
                    "variant": variant,
                    "cycles": cycles,
                    "cycles_fraction": ratio(cycles, result.cycles),
                    "dram_bound_fraction": _dram_bound(now),
                    "speedup": ratio(sum(layer.cycles for layer in was), cycles),
                    "dram_bytes_fraction": ratio(_moved(now), _moved(was)),
                }
            )
    return rows
