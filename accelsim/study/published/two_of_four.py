"""2:4 weights on the tensor core's preset: twice the dense rate, layer by layer of a ResNet-50.

::

    layer  = published shape, random weights pruned 2 of 4 by magnitude
    dense  = the same layer unpruned on the same chip, by its dense fallback; cycles are the array's
    TOPS   = operations of the dense layer at 432 such cores

NVIDIA, A100 Tensor Core GPU Architecture (whitepaper), 2020.
"""

from dataclasses import replace
from typing import TYPE_CHECKING

from accelsim.compress.prune import prune_magnitude
from accelsim.dataflows import DATAFLOWS
from accelsim.hardware import Accelerator, load_hardware
from accelsim.plan import tile_boxes, whole
from accelsim.study.published.entry import Band, Entry, Tables
from accelsim.trace import LayerTrace
from accelsim.zoo import shape_network
from accelsim.zoo.synthetic import synthetic_layer

if TYPE_CHECKING:
    import pandas as pd

_CHIP, _NETWORK, _CORES = "sparse-tensor-core", "resnet50", 432
_PUBLISHED_TOPS = {"dense": 624.0, "2:4": 1248.0}
# The layer of the peak: its channels fill all lanes, its filters and positions all PEs.
_PEAK = "layer1.0.conv2"
NOTES = (
    "A layer whose channels do not fill the lanes is less than twice as fast: three channels of an image are "
    "one block of four, and take the same time either way.",
    "Peak: of one layer that fills the array, without memory; what is missing is the drain of its last set "
    "and the pipeline.",
)


def layer_cycles(trace: LayerTrace, chip: Accelerator) -> int:
    """Cycles of the array, the layer as one tile."""
    dataflow = DATAFLOWS[chip.dataflow]
    counted = dataflow.tile_counters(
        dataflow.prepare(trace, chip), tile_boxes(whole(trace.layer), trace.layer), chip
    )
    return int(counted[0, 0])


def layer_table(seed: int = 0) -> "pd.DataFrame":
    """Dense and 2:4 cycles of each layer, and their ratio."""
    import pandas as pd

    chip = load_hardware(_CHIP)
    rows = []
    for row in shape_network(_NETWORK).layers:
        full = synthetic_layer(row.layer, 1.0, 1.0, seed, correlated=False)
        pruned = replace(full, weights=prune_magnitude(full.weights, full.weight_zero_points, 0.5, "n_m", 4))
        dense, sparse = layer_cycles(full, chip), layer_cycles(pruned, chip)
        rows.append(
            {
                "layer": row.layer.name,
                "dense_macs": row.layer.dense_macs,
                "dense_cycles": dense,
                "two_of_four_cycles": sparse,
                "speedup": dense / sparse,
            }
        )
    return pd.DataFrame(rows)


def peak_table(layers: "pd.DataFrame") -> "pd.DataFrame":
    """Published and our TOPS of all cores, in the layer that fills them, and their ratio."""
    import pandas as pd

    clock_mhz = load_hardware(_CHIP).clock_mhz
    row = layers.set_index("layer").loc[_PEAK]
    tops = {
        kind: 2 * row["dense_macs"] / row[column] * clock_mhz * _CORES / 1e6
        for kind, column in (("dense", "dense_cycles"), ("2:4", "two_of_four_cycles"))
    }
    rows = [("dense, TOPS", _PUBLISHED_TOPS["dense"], tops["dense"])]
    rows += [("2:4, TOPS", _PUBLISHED_TOPS["2:4"], tops["2:4"])]
    rows += [("2:4 over dense", 2.0, tops["2:4"] / tops["dense"])]
    return pd.DataFrame(
        [
            {"peak": what, "published": stated, "ours": ours, "difference_percent": 100 * (ours / stated - 1)}
            for what, stated, ours in rows
        ]
    )


def _tables(seed: int) -> Tables:
    layers = layer_table(seed)
    return {"peak": peak_table(layers), "layers": layers}


ENTRY = Entry(
    title="2:4 weights on the int8 tensor cores of an A100: twice the dense rate",
    source="NVIDIA, A100 Tensor Core GPU Architecture (whitepaper), 2020: 624 TOPS, 1248 with sparsity",
    tables=_tables,
    notes=NOTES,
    bands=(Band("peak", "difference_percent", -1, 1),),
)
