"""Does compression speed up every engine? A network four ways on every shipped chip.

The four are those of `compression_variants`; a speed-up is over the uncompressed network on the same chip.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from accelsim.dataflows import unsupported_layers
from accelsim.errors import InputError, PlanError
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import ColumnBroadcastArray
from accelsim.report.kinds import kind_of
from accelsim.results import LayerResult, NetworkResult, ratio
from accelsim.simulation import simulate
from accelsim.study.compression_variants import (
    DENSITY,
    UNCOMPRESSED,
    VARIANTS,
    for_array,
    variant_chip,
    variants_of,
)
from accelsim.study.compression_words import sentences
from accelsim.toggles import Toggling
from accelsim.trace import NetworkTrace

if TYPE_CHECKING:
    import pandas as pd

_SAME = 1.2  # cycles a slot that differ less are no sign of a worse plan


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
    toggles: Toggling = "sampled",
    threads: int | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> CompressionStudy:
    """Run a network four ways on each chip.

    Parameters
    ----------
    density : of each layer's weights after pruning, where the network has no zeros of its own
    toggles : as of `simulate`
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
        results, left_out[chip.name] = _on_chip(traces, chip, toggles, threads, seed, progress)
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


def _on_chip(
    traces: dict[str, NetworkTrace],
    chip: Accelerator,
    toggles: Toggling,
    threads: int | None,
    seed: int,
    progress: Callable[[str], None] | None,
) -> tuple[dict[str, NetworkResult], dict[str, str]]:
    """Results by variant, all of the same layers; and the layers left out, with the reason."""
    fitted = {variant: variant_chip(chip, variant) for variant in traces}
    traces = for_array(traces, chip)
    left_out: dict[str, str] = {}
    for variant, trace in traces.items():
        left_out = unsupported_layers(trace, fitted[variant]) | left_out
    layers = traces[UNCOMPRESSED].layers
    results: dict[str, NetworkResult] = {}
    while len(results) < len(traces) and len(left_out) < len(layers):
        variant = next(name for name in traces if name not in results)
        try:
            results[variant] = simulate(
                traces[variant],
                fitted[variant],
                left_out=left_out,
                toggles=toggles,
                threads=threads,
                seed=seed,
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
    if len(left_out) == len(layers):
        return {}, left_out
    for variant in VARIANTS:  # each after those before it, so that no variant lacks a plan that they have
        given = traces[variant], fitted[variant], toggles, seed
        results[variant] = _with_known_plans(variant, results, *given)
    return results, left_out


def _with_known_plans(
    variant: str,
    results: dict[str, NetworkResult],
    trace: NetworkTrace,
    chip: Accelerator,
    toggles: Toggling,
    seed: int,
) -> NetworkResult:
    """A variant's result, its layers with a plan of another variant where that is faster.

    The mapper estimates; what it misses on one variant must not look like a gain or loss of compression.
    Tried where a layer is slower than in an earlier variant, or, uncompressed, takes more cycles a slot.
    """
    order = list(results)
    others = [name for name in order if name != variant]
    layers = list(results[variant].layer_results)
    for index, own in enumerate(layers):
        if own.layer is None:
            continue
        tried = [own.plan]
        for other in others:
            known = results[other].layer_results[index]
            earlier = order.index(other) < order.index(variant) and own.cycles > known.cycles
            careless = variant == UNCOMPRESSED and _slot_cycles(own) > _SAME * _slot_cycles(known)
            if known.plan in tried or known.plan is None or not (earlier or careless):
                continue
            tried.append(known.plan)
            try:
                plans = {own.name: known.plan}
                again = simulate(trace.layer(own.name), chip, plans=plans, toggles=toggles, seed=seed)
            except PlanError:
                continue
            layers[index] = min(layers[index], again.layer_results[0], key=lambda result: result.cycles)
    return replace(results[variant], layer_results=tuple(layers))


def _slot_cycles(layer: LayerResult) -> float:
    """Cycles of the array for each MAC that takes a slot."""
    return ratio(layer.totals["compute_cycles"], layer.totals["done_macs"] + layer.totals["gated_macs"])


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
    """Cycles between tiles (waits for DRAM), of operations, and in which tiles compute."""
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
