"""SCNN's energy over its dense machine's (DCNN) against density; on chip, as DRAM has no part in the claims.

::

    SCNN(d) = price(counters of the array at density d)
    DCNN    = the same products, operands and words at density 1, but: no index, no product outside of the
              loop nest, one accumulator update for each dot product of a PE, its own dense cycles

The paper gives DCNN's organisation in words, not its counts: this DCNN is assumed. SCNN's crossbar has no
published price per product and is not in the energy.
"""

import math
from itertools import pairwise
from typing import TYPE_CHECKING

from accelsim.energy import action_counts, price, table_of
from accelsim.hardware import Accelerator, load_hardware
from accelsim.hardware.arrays import CartesianArray, of_kind
from accelsim.study.published.scnn import (
    SWEPT_NETWORK,
    dense_cycles,
    layer_counters,
    layer_of,
    published_layers,
)
from accelsim.tables import TRAFFIC

if TYPE_CHECKING:
    import pandas as pd

DENSITIES = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 1.0)
# Published: energy over DCNN's at these densities, and where they meet.
CLAIMS = (
    ("density at which SCNN and DCNN take the same energy", 0.83),
    ("energy over DCNN's at densities of 1", 1.33),
    ("energy over DCNN's at densities of 0.1", 0.06),
)


def on_chip_pj(counters: dict[str, int], cycles: int, chip: Accelerator) -> float:
    """Energy of a layer's counters over a number of cycles, nothing moved from or to DRAM."""
    totals = dict.fromkeys(TRAFFIC, 0) | counters | {"cycles": cycles}
    rows = price(action_counts(totals, chip), chip, table_of(chip))
    return math.fsum(row.pj for row in rows if row.component != "dram")


def dense_counters(counters: dict[str, int], chip: Accelerator) -> dict[str, int]:
    """DCNN's counters from SCNN's at density 1."""
    array = of_kind(chip.pe_array, CartesianArray)
    done = counters["dense_macs"]
    # 16-bit values without the 4-bit index that stands beside each of SCNN's.
    share = array.weight_bits / (array.weight_bits + 4)
    return counters | {
        "done_macs": done,
        "skipped_macs": 0,
        "surplus_products": 0,
        "accumulator_updates": done // array.lanes,
        **{
            f"{operand}_scratchpad_{what}": int(counters[f"{operand}_scratchpad_{what}"] * share)
            for operand in ("weight", "activation")
            for what in ("reads", "read_bytes")
        },
    }


def density_table(seed: int = 0, densities: tuple[float, ...] = DENSITIES) -> "pd.DataFrame":
    """Energy of one network over its dense machine's, weights and activations of the same density."""
    import pandas as pd

    chip = load_hardware("scnn-64")
    layers = [
        layer_of(row) for row in published_layers().to_dict("records") if row["network"] == SWEPT_NETWORK
    ]
    full = [layer_counters(layer, (1.0, 1.0), chip, seed) for layer in layers]
    dense = math.fsum(
        on_chip_pj(dense_counters(counted, chip), dense_cycles(layer, chip), chip)
        for layer, counted in zip(layers, full, strict=True)
    )
    rows = []
    for density in densities:
        pj = 0.0
        for layer in layers:
            counted = layer_counters(layer, (density, density), chip, seed)
            pj += on_chip_pj(counted, counted["compute_cycles"], chip)
        rows.append(
            {
                "network": SWEPT_NETWORK,
                "density_fraction": density,
                "energy_uj": pj / 1e6,
                "energy_of_dense": pj / dense,
            }
        )
    return pd.DataFrame(rows)


def crossing(table: "pd.DataFrame") -> float:
    """The density at which both take the same energy, between two of the swept; nan if they never do."""
    swept = zip(table["density_fraction"].tolist(), table["energy_of_dense"].tolist(), strict=True)
    for (low, less), (high, more) in pairwise(swept):
        if less <= 1 < more:
            return float(low + (1 - less) / (more - less) * (high - low))
    return math.nan


def claims_table(sweep: "pd.DataFrame") -> "pd.DataFrame":
    """What the paper says of energy against density, beside ours."""
    import pandas as pd

    at = sweep.set_index("density_fraction")["energy_of_dense"]
    ours = (crossing(sweep), float(at[1.0]), float(at[0.1]))
    rows = [
        {"claim": what, "published": stated, "ours": value, "difference_percent": 100 * (value / stated - 1)}
        for (what, stated), value in zip(CLAIMS, ours, strict=True)
    ]
    return pd.DataFrame(rows)
