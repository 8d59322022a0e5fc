"""Filters in the order of their non-zero weights, so that those that run side by side take alike.

A compiler reorders filters before it packs them; the next layer's channels follow (or the drain puts outputs
back). The greedy balancing of SparTen (Gondimalla et al., MICRO 2019, section 3.3) sorts so; its pairing of
two filters on one unit is not part of it: here a PE has one filter at a time.
"""

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from accelsim.trace import LayerTrace


def balanced_order(trace: LayerTrace) -> npt.NDArray[np.int64]:
    """Filters of each group by falling number of non-zero weights, equal ones as before: int64 [K]."""
    zeros = trace.weight_zero_points.astype(np.int16).reshape(-1, 1, 1, 1)
    nonzero = np.count_nonzero(trace.weights != zeros, axis=(1, 2, 3))
    group = np.arange(len(nonzero)) // trace.layer.group_filters
    return np.lexsort((-nonzero, group)).astype(np.int64)


def balanced(trace: LayerTrace) -> LayerTrace:
    """The layer with its filters in that order; a product of two activations stays as it is."""
    if trace.layer.kind == "matrix_product":
        return trace
    order = balanced_order(trace)
    return replace(
        trace,
        weights=trace.weights.take(order, 0),
        weight_zero_points=trace.weight_zero_points[order],
        weight_scales=trace.weight_scales[order],
        bias=None if trace.bias is None else trace.bias[order],
        outputs=None if trace.outputs is None else trace.outputs.take(order, 3),
    )
