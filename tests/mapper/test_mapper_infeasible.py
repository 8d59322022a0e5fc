"""Why nothing fits, in words: the least demanding tile is that of the smallest need, and the bytes add up."""

import re

import pytest
from plans_by_hand import every_plan, layer_of, sizes_of, small_chip

from accelsim.dataflows import inner_join
from accelsim.errors import PlanError
from accelsim.mapper import search
from accelsim.mapper.traffic import plan_traffic
from accelsim.plan import tile_boxes


@pytest.mark.parametrize("shape", [(59, 36, 6, 1), (32, 14, 5, 1), (8, 8, 9, 3), (3, 3, 2, 1), (9, 24, 5, 3)])
def test_the_message_has_the_bytes_that_the_least_demanding_plan_lacks(
    shape: tuple[int, int, int, int],
) -> None:
    trace, chip = layer_of(*shape), small_chip(32)
    sizes = sizes_of(trace, chip)
    least = min(
        int(plan_traffic(plan, tile_boxes(plan, trace.layer), trace.layer, chip, sizes)[1].max())
        for plan in every_plan(trace, 8, sizes.filter_block, 8)
        if not plan.resident and plan.order == "".join(sorted(plan.order, key="NKCPQ".index))
    )
    prepared = inner_join.prepare(trace, chip)
    with pytest.raises(PlanError) as raised:
        search.best_plan(prepared, sizes, chip)
    told = str(raised.value)
    assert (
        f"conv1: no plan fits the scratchpad of 32 bytes: the least demanding needs {least - 32} bytes more"
        in told
    )
    held = [int(part) for part in re.findall(r"(\d+) for ", told)]
    assert sum(held) == least
    assert search.best_plan(prepared, sizes, small_chip(least)).cycles > 0
    with pytest.raises(PlanError, match="needs 1 bytes more for"):
        search.best_plan(prepared, sizes, small_chip(least - 1))


def test_the_operand_that_holds_most_is_named() -> None:
    trace, chip = layer_of(8, 64, 3), small_chip(100)
    fixed = search.Fixed(tile_c=64, tile_p=1, tile_q=1)
    with pytest.raises(PlanError, match="bytes more for the weights of 8 filters of 64 channels;"):
        search.best_plan(inner_join.prepare(trace, chip), sizes_of(trace, chip), chip, fixed=fixed)
