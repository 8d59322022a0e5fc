"""Toggles of `csc_row_stationary`: buses whole, PEs by windows.

Defined in docs/dataflows/csc_row_stationary_toggles.md.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from accelsim.dataflows._csc_row_stationary_toggles_buses import count_buses
from accelsim.dataflows._csc_row_stationary_toggles_kernel import walk_windows
from accelsim.dataflows._row_mapping import mapping_of_box, of_one_group
from accelsim.dataflows._toggle_walk import tensors_of, unheld
from accelsim.dataflows.row_stationary_toggles import window_macs
from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import CscRowStationaryArray, of_kind
from accelsim.kernels.windows import geometry_vector
from accelsim.plan import Unrolling
from accelsim.tables import TOGGLES
from accelsim.trace import LayerTrace

Ints = npt.NDArray[np.int64]


class Walk:
    """A unit is a window of a pass, all of its PEs; buses are exact always (as `_toggle_walk.Walk`)."""

    def __init__(
        self, trace: LayerTrace, chip: Accelerator, spatial: Unrolling | None, *, exact: bool
    ) -> None:
        self.layer, tensors = trace.layer, tensors_of(trace, chip)
        self.array = of_kind(chip.pe_array, CscRowStationaryArray)
        self.pointer_bits = chip.encodings.pointer_bits
        self.tensors = (tensors.numbers, tensors.weights, tensors.weight_zeros, tensors.activations)

    def units(self, box: Ints) -> Ints:
        """Dense MACs of each window, of all PEs."""
        return window_macs(self.layer, box, self.array)

    def walk(self, box: Ints, numbers: Ints) -> Ints:
        """Toggles of windows of a tile."""
        found: Ints = walk_windows(*self._given(box, numbers))
        unheld(found, "weight_register", "activation_register")
        return found

    def always(self, box: Ints) -> dict[str, int]:
        """All buses."""
        counts = zip(TOGGLES, count_buses(*self._given(box)).tolist(), strict=True)
        return {name: count for name, count in counts if "register" not in name and "accumulator" not in name}

    def _given(self, box: Ints, *numbers: Ints) -> tuple[Any, ...]:
        """What every kernel takes of a tile."""
        array, filters = self.array, min(int(box[3] - box[2]), self.layer.group_filters)
        mapping = mapping_of_box(self.layer, of_one_group(self.layer, box)[0], array)
        parameters = [
            array.lanes,
            array.weight_bits,
            array.activation_bits,
            self.pointer_bits,
            self.layer.group_filters,
            mapping.p,
            mapping.q,
            mapping.r,
            mapping.t,
        ]
        geometry = geometry_vector(self.layer)
        return (box, *numbers, geometry, np.array(parameters, np.int64), self.tensors, filters)
