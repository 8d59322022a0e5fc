"""Toggles of `cartesian`, output group by output group (docs/dataflows/cartesian_toggles.md)."""

import numpy as np
import numpy.typing as npt

from accelsim.dataflows._cartesian_toggles_kernel import blocks_of, walk_groups
from accelsim.dataflows._toggle_walk import tensors_of, unheld
from accelsim.dataflows.cartesian import array_parameters
from accelsim.hardware import Accelerator
from accelsim.kernels.toggles import ACTIVATION_BUS, ACTIVATION_REGISTER, MULTICAST
from accelsim.kernels.windows import geometry_vector
from accelsim.plan import Unrolling
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]


class Walk:
    """A unit is an output group of all PEs; all counts are estimated (as `_toggle_walk.Walk`)."""

    def __init__(
        self, trace: LayerTrace, chip: Accelerator, spatial: Unrolling | None, *, exact: bool
    ) -> None:
        self.layer, tensors = trace.layer, tensors_of(trace, chip)
        self.geometry, self.parameters = geometry_vector(trace.layer), array_parameters(chip)
        self.tensors = (
            tensors.numbers,
            np.array(trace.weights.transpose(3, 0, 1, 2), np.int16, order="C"),
            tensors.weight_zeros,
            np.array(trace.activations.transpose(0, 3, 1, 2), np.int16, order="C"),
        )

    def units(self, box: Ints) -> Ints:
        """Dense MACs of each output group."""
        n, k, channels, rows, columns = np.diff(box)[::2].tolist()
        filters = self._filters(box)
        block = int(blocks_of(box, filters, self.geometry, self.parameters)[2])
        of_blocks = np.minimum(block, filters - np.arange(0, filters, block))
        taps = self.layer.kernel[0] * self.layer.kernel[1]
        found: Ints = np.tile(np.repeat(of_blocks, n), k // filters) * (rows * columns * taps * channels)
        return found

    def walk(self, box: Ints, numbers: Ints) -> Ints:
        """Toggles of output groups of a tile."""
        found: Ints = walk_groups(
            box,
            numbers,
            self._filters(box),
            self.layer.group_filters,
            self.layer.group_channels,
            self.geometry,
            self.parameters,
            self.tensors,
        )
        # Registers of activations see what their bus sees; it has one receiver.
        found[:, ACTIVATION_REGISTER] = found[:, ACTIVATION_BUS]
        found[:, MULTICAST] += found[:, ACTIVATION_BUS]
        unheld(found, "weight_register", "activation_register", "weight_bus", "activation_bus", "multicast")
        return found

    def always(self, box: Ints) -> dict[str, int]:
        """Nothing."""
        return {}

    def _filters(self, box: Ints) -> int:
        """Filters of one group of a tile."""
        return min(int(box[3] - box[2]), self.layer.group_filters)
