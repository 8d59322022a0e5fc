"""Bytes of every encoding against density: which one is smallest, and where they cross."""

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from accelsim.formats import FORMATS, NOfM

if TYPE_CHECKING:
    import pandas as pd

DENSITIES = (0.01, 0.02, 0.05, *(round(0.1 * i, 1) for i in range(1, 11)))


def size_table(
    densities: Sequence[float] = DENSITIES,
    filters: int = 256,
    channels: int = 512,
    bits: int = 8,
    seed: int = 0,
) -> "pd.DataFrame":
    """Encoded size of a matrix with zeros at random positions and values drawn evenly, of `bits` (2 to 8).

    N of M can tell fewer densities than others: beyond N / M it has no size.

    Returns
    -------
    DataFrame of format, density_fraction, size_fraction (of the dense matrix), bits_per_weight
    """
    import pandas as pd

    generator = np.random.default_rng(seed)
    size = filters * channels
    half = 1 << (bits - 1)
    values = generator.integers(1, half, size).astype(np.int8) * generator.choice([-1, 1], size).astype(
        np.int8
    )
    order = generator.permutation(size)
    rows: list[dict[str, Any]] = []
    for density in densities:
        matrix = values.copy()
        matrix[order[round(density * size) :]] = 0
        for name, encoding in FORMATS.items():
            if isinstance(encoding, NOfM) and density > encoding.n / encoding.m:
                continue
            encoded = encoding.size_bits(matrix.reshape(filters, channels), 0, bits)
            rows.append(
                {
                    "format": name,
                    "density_fraction": density,
                    "size_fraction": encoded / (size * bits),
                    "bits_per_weight": encoded / size,
                }
            )
    return pd.DataFrame(rows)


def crossings(table: "pd.DataFrame") -> "pd.DataFrame":
    """Densities at which one encoding becomes smaller than another, from `size_table`, interpolated.

    Returns
    -------
    DataFrame of below, above (the smaller one on either side) and density_fraction, ascending
    """
    import pandas as pd

    wide = table.pivot_table(index="density_fraction", columns="format", values="size_fraction")
    rows = []
    names = [name for name in FORMATS if name in wide]
    for i, first in enumerate(names):
        for second in names[i + 1 :]:
            gap = (wide[first] - wide[second]).dropna()
            steps = zip(gap.index.to_numpy(np.float64), gap.to_numpy(np.float64), strict=True)
            for (low, before), (high, after) in pairwise(steps):
                if before * after < 0:
                    at = low + (high - low) * before / (before - after)
                    pair = (first, second) if before < 0 else (second, first)
                    rows.append({"below": pair[0], "above": pair[1], "density_fraction": at})
    found = pd.DataFrame(rows, columns=["below", "above", "density_fraction"])
    return found.sort_values("density_fraction", ignore_index=True)
