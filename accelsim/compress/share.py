"""Weight sharing: k-means codebooks, the second stage of Deep Compression.

Weights that are no zeros are clustered, layer by layer; each becomes its cluster's centroid, of which
the hardware stores the index. Zeros stay zeros and need no index. Initial centroids as in the paper
(Han, Mao and Dally, ICLR 2016, section 3.2): `linear`, evenly between the smallest and the largest weight;
`density`, evenly in the cumulative distribution; `random`, weights drawn at random.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from accelsim.compress.changes import bias_at
from accelsim.compress.quantise import quantise
from accelsim.errors import InputError
from accelsim.trace import LayerParameters, NetworkTrace, replace_parameters

Initialisation = Literal["linear", "density", "random"]
INITIALISATIONS: tuple[Initialisation, ...] = ("linear", "density", "random")
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """`codebook` float64 [clusters], ascending; `index` of each value in it, shape of the values."""

    codebook: Floats
    index: npt.NDArray[np.int64]

    def real(self) -> Floats:
        """The values as shared."""
        return self.codebook[self.index]


def share(
    values: npt.NDArray[Any], bits: int, initialisation: Initialisation = "linear", seed: int = 0
) -> Shared:
    """Cluster values into at most 2**bits centroids by Lloyd's k-means (scikit-learn).

    Equal values are one point with their number as weight, so that a layer of int8 weights is at most
    255 points however large it is.

    Raises
    ------
    InputError
        If there are no values, bits are not within 1..8, the initialisation is unknown, or scikit-learn
        is not installed.
    """
    if not 1 <= bits <= 8:
        raise InputError(f"bits of a codebook must be within 1..8, not {bits}")
    if initialisation not in INITIALISATIONS:
        raise InputError(
            f"initialisation must be one of {', '.join(INITIALISATIONS)}, not {initialisation!r}"
        )
    if values.size == 0:
        raise InputError("there are no values to share")
    try:
        from sklearn.cluster import KMeans
    except ImportError as error:
        raise InputError("scikit-learn is not installed: pip install 'accelsim[images]'") from error
    points, inverse, counts = np.unique(values.astype(np.float64), return_inverse=True, return_counts=True)
    clusters = min(2**bits, points.size)
    if clusters == points.size:  # every value has a centroid of its own
        return Shared(points, inverse.reshape(values.shape))
    first = _initial(points, counts, clusters, initialisation, seed)
    fitted = KMeans(clusters, init=first[:, None], n_init=1, tol=0.0, max_iter=1000, random_state=seed).fit(
        points[:, None], sample_weight=counts
    )
    order = np.argsort(fitted.cluster_centers_[:, 0])
    rank = np.empty(clusters, np.int64)
    rank[order] = np.arange(clusters)
    return Shared(fitted.cluster_centers_[order, 0], rank[fitted.labels_][inverse].reshape(values.shape))


def share_weights(
    trace: NetworkTrace, bits: int, initialisation: Initialisation = "linear", seed: int = 0
) -> NetworkTrace:
    """Every layer's weights that are no zeros shared in real units, then put on an int8 grid of the layer.

    One scale for all filters, so that a layer has at most 2**bits different weights beside zero. A network
    `n` is then called `n-shared5`. Activations stay as captured.

    Raises
    ------
    InputError
        As `share`.
    """
    parameters = {}
    for name in trace.weighted_layers:
        given = trace.parameters[name]
        steps = given.weights.astype(np.float64) - given.weight_zero_points[:, None, None, None]
        kept = steps != 0
        if not kept.any():
            continue
        real = steps * given.weight_scales.astype(np.float64)[:, None, None, None]
        real[kept] = share(real[kept], bits, initialisation, seed).real()
        done = quantise(real)
        filters = len(real)
        weight_scales = np.repeat(done.scales, filters).astype(np.float32)
        parameters[name] = LayerParameters(
            weights=done.values,
            weight_zero_points=np.repeat(done.zero_points, filters),
            weight_scales=weight_scales,
            bias=bias_at(given, weight_scales),
        )
    note = (
        f"weights shared by codebooks of {bits} bits per layer ({initialisation} initialisation, seed "
        f"{seed}); activations are those of before"
    )
    return replace_parameters(trace, parameters, note, name=f"{trace.network.name}-shared{bits}")


def _initial(
    points: Floats, counts: npt.NDArray[np.int64], clusters: int, how: Initialisation, seed: int
) -> Floats:
    if how == "linear":
        return np.linspace(points[0], points[-1], clusters)
    if how == "density":
        share_below = (np.cumsum(counts) - counts / 2) / counts.sum()
        return np.interp((np.arange(clusters) + 0.5) / clusters, share_below, points)
    return np.sort(
        np.random.default_rng(seed).choice(points, clusters, replace=False, p=counts / counts.sum())
    )
