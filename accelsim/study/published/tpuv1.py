"""TPUv1's fully connected and recurrent applications on its preset: TeraOps/s, and what limits them.

::

    layers = as many square matrices as Table 1 counts FC layers, its weights in all   # assumed shapes
    each   = batch rows of random dense activations x matrix, on the chip `tpu-v1`

Jouppi et al., ISCA 2017, Tables 1 and 3. Its CNNs are left out: their shapes are not published either, and
a convolution's shape decides how an array of this size is filled.
"""

from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.hardware import load_hardware
from accelsim.simulation import simulate
from accelsim.trace import LayerTrace, from_arrays
from accelsim.zoo import workloads_folder

if TYPE_CHECKING:
    import pandas as pd

_CHIP = "tpu-v1"
NOTES = (
    "Layers are assumed to be equal square matrices: the paper does not print their shapes.",
    "Non-matrix cycles, read-after-write stalls and input stalls, in all 23 to 49 % of the paper's cycles "
    "(Table 3), are not modelled.",
    "Our chip moves activations over DRAM at every layer; TPUv1 keeps them in its buffer, and its DRAM has "
    "weights alone.",
    "For the LSTMs the paper's useful MACs times its peak are twice its TeraOps/s (of LSTM0 above the "
    "roofline of its weights too): both rows cannot be met.",
)


def square_layer(weights: int, layers: int, batch: int, seed: int) -> LayerTrace:
    """One of so many equal layers: a square matrix of a share of the weights, `batch` rows, nothing zero."""
    side = round(sqrt(weights / layers))
    generator = np.random.default_rng(seed)
    return from_arrays(
        generator.integers(1, 127, (side, 1, 1, side), np.int8),
        generator.integers(1, 255, (1, batch, 1, side), np.uint8, endpoint=True),
        name=f"{side}x{side}",
    )


def performance_table(seed: int = 0) -> "pd.DataFrame":
    """Published and our TeraOps/s of the applications without convolutions.

    Columns: application, batch, side of its square layers, published and our TeraOps/s, their difference in
    percent, the roofline of the weights alone, MACs in percent of the array's peak published and ours, cycles
    that wait for DRAM in percent (published: weight stalls and weight shifts), the share of DRAM bytes that
    are weights, and the reason of the difference.
    """
    import pandas as pd

    folder = workloads_folder() / "published"
    applications = pd.read_csv(folder / "tpuv1_applications.csv")
    published = pd.read_csv(folder / "tpuv1_performance.csv").set_index("row")
    rows = [
        _row(row, published[row["app"]], seed)
        for row in applications[applications["conv"].isna()].to_dict("records")
    ]
    return pd.DataFrame(rows)


def _row(row: dict[Any, Any], published: "pd.Series[float]", seed: int) -> dict[str, Any]:
    chip = load_hardware(_CHIP)
    weights, layers, batch = int(float(row["weights"].rstrip("M")) * 1e6), int(row["fc"]), int(row["batch"])
    trace = square_layer(weights, layers, batch, seed)
    result = simulate(trace, chip, toggles="off")
    (layer,) = result.layer_results
    peak = chip.pe_array.multipliers * layer.cycles
    teraops = 2 * trace.layer.dense_macs / layer.cycles * chip.clock_mhz / 1e6
    bandwidth = row["ops_per_weight_byte"] * 2 * chip.dram.peak_gb_per_s / 1e3
    return {
        "application": row["app"],
        "batch": batch,
        "side": trace.layer.filters,
        "published_tera_ops": float(published["TeraOps/s (92 peak)"]),
        "tera_ops": teraops,
        "difference_percent": 100 * (teraops / float(published["TeraOps/s (92 peak)"]) - 1),
        "weight_roofline_tera_ops": min(bandwidth, chip.peak_tops),
        "published_useful_macs_percent": float(published["Useful MACs in 64K matrix (% peak)"]),
        "useful_macs_percent": 100 * trace.layer.dense_macs / peak,
        "published_weight_wait_percent": float(
            published["Weight stall cycles %"] + published["Weight shift cycles %"]
        ),
        "dram_wait_percent": 100 * layer.lane_cycles["fetch_wait"] / peak,
        "weight_share_of_dram_percent": 100
        * layer.totals["weight_fetch_bytes"]
        / (layer.dram_read_bytes + layer.dram_write_bytes),
    }
