"""A 4096-MAC edge engine on a pruned ResNet-50, beside what is claimed of one; printed, not judged.

::

    layers    = published shapes, weight densities of a published pruned network, activation densities
                measured layer by layer on a photograph (the zoo's `resnet50`)
    dense     = the same engine that multiplies everything; cycles of the array, and with DRAM

Cadence, Tensilica DNA 100 (press release and product brief, 2018): ResNet-50 at 2550 frames/s with 4K MACs.
"""

from typing import TYPE_CHECKING, Any

from accelsim.hardware import load_hardware
from accelsim.simulation import simulate
from accelsim.study.published.entry import Entry, Tables
from accelsim.zoo import shape_network
from accelsim.zoo.synthetic import synthetic_trace

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.results import NetworkResult

_CHIP, _NETWORK = "edge-sparse-4096", "resnet50"
_DENSE = (
    "pe_array.weight_policy=compute",
    "pe_array.activation_policy=compute",
    "encodings.weights=dense",
    "encodings.activations=dense",
    "encodings.outputs=dense",
)
_PUBLISHED_FRAMES_PER_S = 2550.0
NOTES = (
    "The inside of the claimed engine, its memory, its network's densities and what it counts as a frame are "
    "not published; the preset's structure is assumed. The published rate alone is 2.4 to 2.5 times 4096 "
    "MACs a cycle of ResNet-50's 3.86 to 4.09 GMAC.",
    "With DRAM: every tensor goes there and back between layers, and additions and pooling stream; an engine "
    "that keeps them on chip waits less.",
)


def rate_table(seed: int = 0) -> "pd.DataFrame":
    """Frames/s, and dense MACs per cycle over 4096, of both engines: array alone, with DRAM."""
    import pandas as pd

    trace = synthetic_trace(shape_network(_NETWORK), seed)
    sparse = simulate(trace, load_hardware(_CHIP), toggles="off", seed=seed)
    dense = simulate(trace, load_hardware(_CHIP, list(_DENSE)), toggles="off", seed=seed)
    rows = []
    for memory in ("array alone", "with DRAM"):
        for name, result in (("zeros skipped", sparse), ("dense", dense)):
            cycles = result.cycles if memory == "with DRAM" else result.total("compute_cycles")
            rows.append({"engine": f"{name}, {memory}"} | _rates(result, cycles))
    table = pd.DataFrame(rows)
    table["over_dense"] = table["frames_per_s"] / table["frames_per_s"].iloc[[1, 1, 3, 3]].to_numpy()
    claimed: dict[str, Any] = {"engine": "claimed", "frames_per_s": _PUBLISHED_FRAMES_PER_S}
    peak = sparse.chip.pe_array.multipliers * sparse.chip.clock_mhz * 1e6
    claimed["over_peak"] = _PUBLISHED_FRAMES_PER_S * sparse.total("dense_macs") / peak
    return pd.concat([table, pd.DataFrame([claimed])], ignore_index=True)


def _rates(result: "NetworkResult", cycles: int) -> dict[str, float]:
    chip = result.chip
    return {
        "frames_per_s": chip.clock_mhz * 1e6 / cycles,
        "over_peak": result.total("dense_macs") / (chip.pe_array.multipliers * cycles),
    }


def _tables(seed: int) -> Tables:
    return {"rates": rate_table(seed)}


ENTRY = Entry(
    title="ResNet-50, pruned, on a 4096-MAC engine of the DNA 100's class; printed, not judged",
    source="Cadence, Tensilica DNA 100, press release and product brief, 2018; densities: Distiller's pruned "
    "ResNet-50 and our own measurement",
    tables=_tables,
    notes=NOTES,
)
