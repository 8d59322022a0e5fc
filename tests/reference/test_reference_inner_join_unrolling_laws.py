"""What an unrolling changes in the counts of the inner_join reference, and what it cannot, on drawn layers."""

from hypothesis import given, settings
from hypothesis import strategies as st
from inner_join_draws import chips, factors, tiles, traces

from accelsim.plan import Unrolling
from accelsim.reference.inner_join import tile_counts
from accelsim.tables import COUNTERS, TILE_CAUSES

LANE_CYCLES = [f"{cause}_lane_cycles" for cause in TILE_CAUSES]
# Lane-cycles of PEs that do nothing: all others belong to PEs that have an output.
OF_ALL_PES = ["unmapped_lane_cycles", "drain_wait_lane_cycles", "fill_lane_cycles"]
PAIRS = [
    "outputs",
    "dense_macs",
    "done_macs",
    "gated_macs",
    "skipped_macs",
    "effectual_macs",
    "weight_operand_reads",
    "activation_operand_reads",
    "padding_operand_reads",
    "mask_bits_read",
    "mac_lane_cycles",
    "zero_mac_lane_cycles",
    "gated_lane_cycles",
]


@st.composite
def unrolled(draw):
    trace, machine = draw(traces()), draw(chips(domains=["array"]))
    return trace, draw(tiles(trace)), machine, draw(factors(machine.pe_array))


def without(counts, *names):
    return {name: count for name, count in counts.items() if name not in names}


@settings(deadline=None)
@given(st.tuples(traces(), chips()).flatmap(lambda case: st.tuples(st.just(case), tiles(case[0]))))
def test_a_filter_a_row_and_a_position_a_column_is_the_machine_without_a_choice(case):
    (trace, machine), tile = case
    own = Unrolling(machine.pe_array.rows, machine.pe_array.columns)
    assert tile_counts(trace, tile, machine, own) == tile_counts(trace, tile, machine)


@settings(deadline=None)
@given(unrolled())
def test_lane_cycles_of_an_unrolling_add_up(case):
    _, _, machine, _ = case
    counts = tile_counts(*case)
    assert (
        sum(counts[name] for name in LANE_CYCLES) == machine.pe_array.multipliers * counts["compute_cycles"]
    )


@settings(deadline=None)
@given(unrolled())
def test_an_unrolling_moves_pairs_and_neither_makes_nor_loses_any(case):
    trace, tile, machine, spatial = case
    fixed, flexible = tile_counts(trace, tile, machine), tile_counts(*case)
    assert {name: flexible[name] for name in PAIRS} == {name: fixed[name] for name in PAIRS}
    additions = (spatial.parts - 1) * tile.outputs
    assert flexible["accumulator_updates"] == fixed["accumulator_updates"] + additions


@settings(deadline=None)
@given(unrolled())
def test_parts_change_only_the_time_and_the_additions(case):
    """Each chunk is read and received as often as by PEs that accumulate alone: only steps are fewer."""
    trace, tile, machine, spatial = case
    alone = tile_counts(trace, tile, machine, Unrolling(spatial.filters, spatial.positions))
    parts = tile_counts(*case)
    cut = machine.pe_array.chunk_elements
    kernel_height, kernel_width = trace.layer.kernel
    chunks = kernel_height * kernel_width * -(-(tile.c1 - tile.c0) // cut)
    assert parts["steps"] * chunks == alone["steps"] * -(-chunks // spatial.parts)
    time = ["compute_cycles", "steps", "accumulator_updates", *LANE_CYCLES]
    assert without(parts, *time) == without(alone, *time)


@settings(deadline=None)
@given(unrolled())
def test_a_flexible_array_without_parts_is_a_fixed_one_of_its_factors_and_idle_pes(case):
    trace, tile, machine, spatial = case
    array = machine.pe_array
    small_array = array.model_copy(update={"rows": spatial.filters, "columns": spatial.positions})
    small_chip = machine.model_copy(update={"pe_array": small_array})
    small = tile_counts(trace, tile, small_chip)
    large = tile_counts(trace, tile, machine, Unrolling(spatial.filters, spatial.positions))
    assert tuple(large) == COUNTERS
    assert without(large, *OF_ALL_PES) == without(small, *OF_ALL_PES)
    spare_lanes = array.multipliers - small_array.multipliers
    waited = small["drain_wait_lane_cycles"] // small_array.multipliers
    last_end = small["compute_cycles"] - waited - array.pipeline_cycles
    idle = dict(zip(OF_ALL_PES, (last_end, waited, array.pipeline_cycles), strict=True))
    assert {name: large[name] - small[name] for name in OF_ALL_PES} == {
        name: spare_lanes * cycles for name, cycles in idle.items()
    }
