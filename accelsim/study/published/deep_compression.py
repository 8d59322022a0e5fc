"""Deep Compression's tables, from its densities and bit widths and our encoder.

::

    entries  = non-zero weights + padding zeros           # RunLength(index_bits), random positions, seeded
    PQ       = entries * (weight_bits + index_bits) + 2**weight_bits * 32      # codebook of float32
    PQH      = entries * (mean Huffman bits of both) + 2**weight_bits * 32
    rate     = size / (weights * 32)

Weights' values are not published: their Huffman bits are the paper's, not ours. Indices are: their
Huffman bits at random positions are computed too. Han, Mao and Dally, ICLR 2016, Tables 1 to 5.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.formats.huffman import mean_bits
from accelsim.formats.run_length import RunLength
from accelsim.zoo import workloads_folder

if TYPE_CHECKING:
    import pandas as pd

_FLOAT_BITS = 32


@dataclass(frozen=True, slots=True)
class Layer:
    """What a layer needs: bits before, after pruning and sharing, and with Huffman codes."""

    dense_bits: int
    shared_bits: int
    huffman_bits: float
    padding_fraction: float
    index_huffman_bits: float


def encoded_layer(row: dict[str, Any], generator: np.random.Generator) -> Layer:
    """One layer of the published table at random positions of exactly its density."""
    size = int(row["filters"]) * int(row["weights_per_filter"])
    kept = round(size * row["density_percent"] / 100)
    weights = np.zeros(size, np.int8)
    weights[generator.permutation(size)[:kept] if size < 1 << 20 else _positions(size, kept, generator)] = 1
    index_bits = int(row["index_bits"])
    runs, values = RunLength(index_bits).entries(weights)
    entries = values.size
    codebook = _FLOAT_BITS * 2 ** int(row["weight_bits"])
    each = row["weight_bits"] + index_bits
    with_huffman = row["weight_bits_huffman"] + row["index_bits_huffman"]
    return Layer(
        dense_bits=size * _FLOAT_BITS,
        shared_bits=int(entries * each + codebook),
        huffman_bits=entries * with_huffman + codebook,
        padding_fraction=float((values == 0).mean()) if entries else 0.0,
        index_huffman_bits=mean_bits(np.bincount(runs, minlength=1 << index_bits).astype(np.int64)),
    )


def layer_table(seed: int = 0) -> "pd.DataFrame":
    """Published and our rates of every layer and network, with the differences and their reason.

    Columns: network, layer, published and our rate in percent of 32-bit weights without (`rate`) and
    with Huffman codes (`rate_huffman`), their differences in percent of the published one, the share of
    padding zeros, the index's Huffman bits published and at random positions, how far rounding in print
    can move the rate, and the reason. Clustered zeros: the paper's index codes are shorter than those at
    random positions, so that fewer runs need padding.
    """
    import pandas as pd

    table = pd.read_csv(workloads_folder() / "published" / "deep_compression_layers.csv")
    generator = np.random.default_rng(seed)
    rows: list[dict[str, Any]] = []
    sums = {"dense_bits": 0, "shared_bits": 0, "huffman_bits": 0.0}
    for row in table.to_dict("records"):
        if row["layer"] == "Total":
            dense, shared, huffman = sums.values()
            ours: dict[str, Any] = {"rate": 100 * shared / dense, "rate_huffman": 100 * huffman / dense}
            sums = dict.fromkeys(sums, 0)
        else:
            layer = encoded_layer({str(key): value for key, value in row.items()}, generator)
            for name in sums:
                sums[name] += getattr(layer, name)
            ours = {
                "rate": 100 * layer.shared_bits / layer.dense_bits,
                "rate_huffman": 100 * layer.huffman_bits / layer.dense_bits,
                "padding": 100 * layer.padding_fraction,
                "index_huffman_bits": layer.index_huffman_bits,
            }
        rows.append(_row(row, ours))
    return pd.DataFrame(rows)


def network_table(layers: "pd.DataFrame") -> "pd.DataFrame":
    """Table 1: compression ratio of each network, published and ours, from the totals of `layer_table`."""
    import pandas as pd

    published = pd.read_csv(workloads_folder() / "published" / "deep_compression_networks.csv")
    totals = layers[layers["layer"] == "Total"].set_index("network")
    ours = 100 / totals.loc[published["network"], "rate_huffman_percent"].to_numpy()
    return pd.DataFrame(
        {
            "network": published["network"],
            "published_ratio": published["ratio"],
            "ratio": ours,
            "difference_percent": 100 * (ours / published["ratio"] - 1),
        }
    )


def _row(row: dict[Any, Any], ours: dict[str, Any]) -> dict[str, Any]:
    differences = {
        f"{name}_difference_percent": 100 * (ours[name] / row[f"{name}_percent"] - 1)
        for name in ("rate", "rate_huffman")
    }
    return {
        "network": row["network"],
        "layer": row["layer"],
        "published_rate_percent": row["rate_percent"],
        "rate_percent": ours["rate"],
        "rate_difference_percent": differences["rate_difference_percent"],
        "published_rate_huffman_percent": row["rate_huffman_percent"],
        "rate_huffman_percent": ours["rate_huffman"],
        "rate_huffman_difference_percent": differences["rate_huffman_difference_percent"],
        "padding_percent": ours.get("padding", np.nan),
        "published_index_huffman_bits": row["index_bits_huffman"],
        "index_huffman_bits": ours.get("index_huffman_bits", np.nan),
        "rounding_percent": _rounding(row),
        "reason": _reason(row, ours, differences["rate_difference_percent"]),
    }


def _rounding(row: dict[Any, Any]) -> float:
    """How far rounding in print can move a rate: densities have whole percent, rates a tenth."""
    return float(50 / row["density_percent"] + 5 / row["rate_percent"])


def _reason(row: dict[Any, Any], ours: dict[str, Any], difference_percent: float) -> str:
    """What explains a difference of the rate: rounding in print, or zeros that are not at random places."""
    if row["layer"] == "Total":
        return "sum of layers"
    if abs(difference_percent) <= _rounding(row):
        return "rounding"
    if difference_percent > 0 and row["index_bits_huffman"] < ours["index_huffman_bits"]:
        return "clustered zeros"
    return "not known"


def _positions(size: int, kept: int, generator: np.random.Generator) -> Any:
    """`kept` distinct places below `size`, without a permutation of all of them."""
    chosen = np.zeros(size, np.bool_)
    missing = kept
    while missing:
        chosen[generator.integers(0, size, missing)] = True
        missing = kept - int(np.count_nonzero(chosen))
    return np.flatnonzero(chosen)
