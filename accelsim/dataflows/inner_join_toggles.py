"""Toggles of `inner_join`, output set by output set (docs/dataflows/inner_join_toggles.md)."""

import numpy as np
import numpy.typing as npt

from accelsim.dataflows import _inner_join_toggles_kernel as at
from accelsim.dataflows._toggle_walk import tensors_of
from accelsim.dataflows.inner_join import parameters
from accelsim.hardware import Accelerator
from accelsim.kernels.windows import geometry_vector
from accelsim.plan import Unrolling
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]


class Walk:
    """A unit is an output set; all counts are estimated (as `_toggle_walk.Walk`)."""

    def __init__(
        self, trace: LayerTrace, chip: Accelerator, spatial: Unrolling | None, *, exact: bool
    ) -> None:
        array = chip.pe_array
        self.layer, self.tensors = trace.layer, tensors_of(trace, chip)
        self.parameters = parameters(chip, spatial or Unrolling(array.rows, array.columns))

    def units(self, box: Ints) -> Ints:
        """Dense MACs of each output set."""
        filters, kernel = self.layer.group_filters, self.layer.kernel
        found: Ints = at.pes_of_sets(box, filters, self.parameters)
        return found * (kernel[0] * kernel[1] * int(box[5] - box[4]))

    def walk(self, box: Ints, numbers: Ints) -> Ints:
        """Toggles of sets of a tile."""
        found: Ints = at.walk_sets(
            box,
            numbers,
            geometry_vector(self.layer),
            self.layer.group_filters,
            self.parameters,
            self.tensors.numbers,
            self.tensors.weights,
            self.tensors.weight_zeros,
            self.tensors.activations,
        )
        return found

    def always(self, box: Ints) -> dict[str, int]:
        """Nothing."""
        return {}
