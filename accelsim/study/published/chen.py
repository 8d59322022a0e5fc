"""DRAM traffic of the mapper's plans beside the least that a buffer of that size allows, in words.

::

    ours  = fewest words of any plan: tiles, order, residency     # mapper.words
    once  = every input, weight and output once
    bound = 2 x MACs / sqrt(R x buffer words)                     # Chen et al., HPCA 2020

R = filter height x width / stride^2 (1 for FC): how often an input is used by its own windows. A word is an
operand or a partial sum of any width; one buffer holds all of them, nothing is fetched ahead.
"""

from functools import cache
from math import sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.mapper.words import least_words, words_once
from accelsim.network import Layer
from accelsim.study.published.entry import Band, Entry, Tables
from accelsim.zoo.shapes import shape_network

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

NETWORKS = ("vgg16", "resnet50")
BUFFER_KWORDS = (64, 128, 256, 512, 1024)
GOAL = 1.25
NOTES = (
    "A layer's ratio is to the larger of its compulsory words and the bound, which holds to first order and "
    "leaves out halos, and the outputs beside inputs and weights.",
    "`words` is the optimum of the whole plan space (every useful tile size, order and residency): what is "
    "above 1 is what the space lacks. Inputs that two tiles share are fetched twice.",
    "Where the stride is greater than the filter, R is below 1 and the bound above the truth.",
)


def lower_bound_words(layer: Layer, buffer_words: int) -> float:
    """Chen et al., HPCA 2020: fewest words to first order for a buffer of so many."""
    reuse = layer.kernel[0] * layer.kernel[1] / (layer.stride[0] * layer.stride[1])
    if layer.kind == "fully_connected":
        reuse = 1.0
    return 2 * layer.dense_macs / sqrt(reuse * buffer_words)


@cache
def _least(shape: tuple[Any, ...], buffer_words: int) -> tuple[int, str]:
    words, plan = least_words(Layer(**dict(shape)), buffer_words)
    sizes = " ".join(f"{letter.lower()}{size}" for letter, size in plan.sizes().items())
    return words, f"{plan.order} {sizes} {'+'.join(sorted(plan.resident))}".strip()


def layer_table(
    networks: tuple[str, ...] = NETWORKS, kwords: tuple[int, ...] = BUFFER_KWORDS
) -> "pd.DataFrame":
    """A row per layer and buffer.

    Columns: layer, network, buffer_kwords, macs, compulsory_words, bound_words, words, ratio (words over the
    larger of the two), plan.
    """
    import pandas as pd

    rows = []
    for network in networks:
        for entry in shape_network(network).layers:
            layer = entry.layer
            names = ("kernel", "stride", "padding", "channels", "filters", "input_height", "input_width")
            shape = (("name", "layer"), *((name, getattr(layer, name)) for name in names))
            for size in kwords:
                words, plan = _least(shape, size * 1024)
                once, bound = words_once(layer), lower_bound_words(layer, size * 1024)
                rows.append(
                    {
                        "layer": layer.name,
                        "network": network,
                        "buffer_kwords": size,
                        "macs": layer.dense_macs,
                        "compulsory_words": once,
                        "bound_words": bound,
                        "words": words,
                        "ratio": words / max(once, bound),
                        "plan": plan,
                    }
                )
    return pd.DataFrame(rows)


def summary_table(layers: "pd.DataFrame") -> "pd.DataFrame":
    """Geometric means over the layers of each network, and of all, by buffer; the worst layer of each.

    Columns: setting (network and buffer), network, buffer_kwords, layers, words over the compulsory
    ones, over the bound, over the larger of the two (ratio), and the worst layer with its ratio.
    """
    import pandas as pd

    rows = []
    parts = {"all": layers} | {str(name): part for name, part in layers.groupby("network", sort=False)}
    for size in dict.fromkeys(layers["buffer_kwords"]):
        for name, part in parts.items():
            here = part[part["buffer_kwords"] == size]
            worst = here.loc[here["ratio"].idxmax()]
            rows.append(
                {
                    "setting": f"{name}, {size} K",
                    "network": name,
                    "buffer_kwords": size,
                    "layers": len(here),
                    "words_over_compulsory": _mean(here["words"] / here["compulsory_words"]),
                    "words_over_bound": _mean(here["words"] / here["bound_words"]),
                    "ratio": _mean(here["ratio"]),
                    "worst_ratio": worst["ratio"],
                    "worst_layer": f"{worst['network']} {worst['layer']}",
                }
            )
    return pd.DataFrame(rows)


def _mean(ratios: "pd.Series[float]") -> float:
    return float(np.exp(np.log(ratios).mean()))


def _tables(seed: int) -> Tables:
    layers = layer_table()
    return {"summary": summary_table(layers), "layers": layers}


def _figures(tables: Tables) -> "dict[str, tuple[Figure, pd.DataFrame]]":
    from accelsim import plots

    labels = {
        "buffer_kwords": "buffer (thousand words)",
        "ratio": "words / larger of compulsory and bound",
    }
    figure = plots.curves(
        tables["summary"],
        "buffer_kwords",
        "ratio",
        "network",
        labels,
        limits=(0.95, 1.3),
        level=GOAL,
        level_label="goal",
        title="DRAM words of the best plan over the least possible, geometric mean over layers",
    )
    return {"summary": (figure, tables["summary"])}


ENTRY = Entry(
    title="DRAM words of the mapper's plans beside the least possible; VGG-16, ResNet-50, 64 K to 1 M words",
    source="Chen et al., Communication Lower Bound in Convolution Accelerators, HPCA 2020",
    tables=_tables,
    notes=NOTES,
    bands=(Band("summary", "ratio", 0.95, GOAL),),
    figures=_figures,
)
