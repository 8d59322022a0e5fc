"""Results written and read back are the same, and nothing else is ever made of a file."""

from dataclasses import dataclass

import numpy as np
import pytest

from accelsim.audit.outputs import OutputCheck
from accelsim.mapper.contenders import Price
from accelsim.plan import Plan, Unrolling
from accelsim.reuse.written import from_bytes, to_bytes
from accelsim.tables import TIMELINE

PLAN = Plan(
    tile_n=1, tile_k=2, tile_c=3, tile_p=4, tile_q=5, spatial=Unrolling(4, 2), resident=frozenset({"weights"})
)
TYPES = (Price, Plan, Unrolling, OutputCheck)


@pytest.mark.small
@pytest.mark.parametrize(
    "value",
    [
        None, 3, 2**62, 0.1, True, "a", (1, (2, None)), frozenset(), {}, {"a": 1, "b": (2,)},
        PLAN, OutputCheck(1, 2, False, 1),
        Price(cycles=9, dram_bytes=8, energy_pj=0.1 + 0.2, tiles=3, plan=PLAN),
    ],
)  # fmt: skip
def test_values_come_back_as_they_were(value):
    back = from_bytes(to_bytes(value), TYPES)
    assert back == value
    assert type(back) is type(value)


@pytest.mark.small
def test_arrays_come_back_with_their_kinds_and_shapes():
    arrays = np.arange(6, dtype=np.int64).reshape(2, 3), np.zeros(3, TIMELINE), np.zeros(0, np.uint8)
    back = from_bytes(to_bytes(arrays), ())
    for one, other in zip(back, arrays, strict=True):
        assert (one.dtype, one.tolist()) == (other.dtype, other.tolist())
        assert one.shape == other.shape


@pytest.mark.small
def test_a_type_that_is_not_named_is_not_made_and_an_object_is_not_written():
    with pytest.raises(KeyError):
        from_bytes(to_bytes(PLAN), ())

    @dataclass
    class Holder:
        value: object

    with pytest.raises(TypeError, match="is not written"):
        to_bytes(Holder(lambda: None))
    with pytest.raises(ValueError, match="allow_pickle"):
        to_bytes(np.array([object()]))
