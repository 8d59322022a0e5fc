"""Runs that the tests of the references of toggles share."""

import numpy as np
from twin_cases import whole_tile

from accelsim.tables import TOGGLES
from accelsim.trace import from_arrays

HELD = [name for name in TOGGLES if f"{name}_without_hold" in TOGGLES]


def toggled(reference, chip, weights, activations, tile=None, **geometry):
    """Counts of one tile, by default the whole layer; arrays, or lists that become int8."""
    arrays = [x if isinstance(x, np.ndarray) else np.array(x, np.int8) for x in (weights, activations)]
    trace = from_arrays(*arrays, **geometry)
    return reference.tile_toggles(trace, tile or whole_tile(trace), chip)


def counts(*numbers):
    """All twelve counts in their order: registers, registers without hold, sums, buses, without hold, masks, multicast."""
    return dict(zip(TOGGLES, numbers, strict=True))


def with_array(chip, **keys):
    """A chip with other values of keys of its array."""
    return chip.model_copy(update={"pe_array": chip.pe_array.model_copy(update=keys)})


def free(found):
    """The counts without hold, by the names of those with it."""
    return {name: found[f"{name}_without_hold"] for name in HELD}
