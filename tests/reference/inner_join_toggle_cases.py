"""Runs that the tests of the toggles of the inner_join reference share."""

from typing import Any

import numpy as np
from inner_join_cases import whole_tile

from accelsim.hardware import Accelerator
from accelsim.plan import Tile, Unrolling
from accelsim.reference.inner_join_toggles import tile_toggles
from accelsim.tables import TOGGLES
from accelsim.trace import from_arrays

COMPUTE = {"weight_policy": "compute", "activation_policy": "compute"}


def toggles(
    machine: Accelerator,
    weights: Any,
    activations: Any,
    spatial: Unrolling | None = None,
    tile: Tile | None = None,
    **geometry: Any,
) -> dict[str, int]:
    """Counts of one tile, by default the whole layer; arrays, or lists that become int8."""
    arrays = [x if isinstance(x, np.ndarray) else np.array(x, np.int8) for x in (weights, activations)]
    trace = from_arrays(*arrays, **geometry)
    return tile_toggles(trace, tile or whole_tile(trace), machine, spatial)


def registers(counts: dict[str, int]) -> tuple[int, int, int, int]:
    """Weight and activation registers, and both without hold."""
    return tuple(count for name, count in counts.items() if "register" in name)


def buses(counts: dict[str, int]) -> tuple[int, int, int]:
    """Weight, activation and mask wires."""
    return tuple(counts[f"{name}_bus_toggles"] for name in ("weight", "activation", "mask"))


def named(*counts: int) -> dict[str, int]:
    """Counts of a case in which every chunk has one receiver: what is multicast is what the buses carry."""
    *_, weight, activation, weight_free, activation_free, mask = counts
    multicast = weight + activation + mask, weight_free + activation_free + mask
    return dict(zip(TOGGLES, (*counts, *multicast), strict=True))
