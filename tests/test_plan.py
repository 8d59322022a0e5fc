"""Plans cut a layer: every MAC in one tile, in the order of the loops; what cannot be cut is refused."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import PlanError
from accelsim.network import Layer
from accelsim.plan import LOOPS, Plan, Tile, check, loop_extents, plan_text, tile_boxes, tile_of, whole


def layer_of(n: int = 1, k: int = 1, c: int = 1, p: int = 1, q: int = 1, groups: int = 1) -> Layer:
    return Layer(
        name="conv1",
        batch=n,
        filters=k * groups,
        channels=c * groups,
        input_height=p,
        input_width=q,
        groups=groups,
    )


@st.composite
def cuts(draw: st.DrawFn) -> tuple[Layer, Plan]:
    extents = [draw(st.integers(1, 4)) for _ in LOOPS]
    n, k, c, p, q = (draw(st.integers(1, extent + 1)) for extent in extents)
    order = "".join(draw(st.permutations(LOOPS)))
    return layer_of(*extents), Plan(tile_n=n, tile_k=k, tile_c=c, tile_p=p, tile_q=q, order=order)


@pytest.mark.small
@given(cuts())
def test_every_point_of_the_loop_nest_is_in_one_tile(cut: tuple[Layer, Plan]) -> None:
    layer, plan = cut
    extents = [loop_extents(layer)[letter] for letter in LOOPS]
    covered = np.zeros(extents, int)
    for box in tile_boxes(plan, layer).tolist():
        tile = tuple(slice(box[2 * loop], box[2 * loop + 1]) for loop in range(5))
        assert all(part.start < part.stop for part in tile)
        covered[tile] += 1
    assert (covered == 1).all()


@pytest.mark.small
@given(cuts())
def test_tiles_come_in_the_order_of_the_loops_outermost_first(cut: tuple[Layer, Plan]) -> None:
    layer, plan = cut
    extents, sizes = loop_extents(layer), plan.sizes()
    expected = []
    for firsts in product(*(range(0, extents[letter], sizes[letter]) for letter in plan.order)):
        at = dict(zip(plan.order, firsts, strict=True))
        expected.append(
            [x for letter in LOOPS for x in (at[letter], min(at[letter] + sizes[letter], extents[letter]))]
        )
    assert tile_boxes(plan, layer).tolist() == expected


@pytest.mark.small
def test_the_plan_of_one_tile_is_the_whole_layer() -> None:
    layer = Layer(
        name="l",
        batch=2,
        input_height=9,
        input_width=7,
        channels=12,
        filters=6,
        kernel=(3, 3),
        stride=(2, 1),
        groups=3,
    )
    boxes = tile_boxes(whole(layer), layer)
    assert boxes.tolist() == [[0, 2, 0, 6, 0, 4, 0, 4, 0, 5]]  # C is that of one group
    tile = tile_of(boxes[0])
    assert tile == Tile(n0=0, n1=2, k0=0, k1=6, c0=0, c1=4, p0=0, p1=4, q0=0, q1=5)
    assert tile.outputs == 2 * 6 * 4 * 5 == np.prod(layer.output_shape)
    check(whole(layer), layer, 8)


def plan_of(k: int = 8, c: int = 24, **changes: object) -> Plan:
    return Plan(**({"tile_n": 1, "tile_k": k, "tile_c": c, "tile_p": 2, "tile_q": 2} | changes))  # type: ignore[arg-type]


REFUSED = {
    "a loop that is missing": ({"order": "NKPQ"}, 1, "order must be a permutation of NKCPQ, not 'NKPQ'"),
    "a loop twice": ({"order": "NKCPP"}, 1, "order must be a permutation of NKCPQ, not 'NKCPP'"),
    "no rows": ({"tile_p": 0}, 1, "tile_p must be at least 1, not 0"),
    "fewer than no filters": ({"k": -8}, 1, "tile_k must be at least 1, not -8"),
    "a part of a chunk": ({"c": 12}, 1, "tile_c must be all 24 channels or a multiple of the chunk of 8"),
    "a part of a group's channels": (
        {"c": 8, "k": 16},
        2,
        "a tile of several groups keeps all C, not 8",
    ),
    "a group and a half": ({"k": 12}, 2, "tile_k must divide the 8 filters of a group or be whole groups"),
    "no divisor of a group": ({"k": 5}, 2, "tile_k must divide the 8 filters of a group or be whole groups"),
}


@pytest.mark.small
@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_cut_is_refused_with_layer_and_value(case: str) -> None:
    changes, groups, message = REFUSED[case]
    layer = layer_of(k=8, c=24, p=2, q=2, groups=groups)
    with pytest.raises(PlanError, match=f"conv1: {message}"):
        check(plan_of(**changes), layer, 8)  # type: ignore[arg-type]


@pytest.mark.small
@pytest.mark.parametrize(
    ("k", "c", "groups"),
    [(8, 24, 1), (3, 8, 1), (8, 16, 1), (16, 24, 2), (8, 8, 2), (8, 24, 4), (4, 24, 2), (2, 24, 2)],
)
def test_what_can_be_cut_is_accepted(k: int, c: int, groups: int) -> None:
    layer = layer_of(k=8, c=24, p=2, q=2, groups=groups)
    check(plan_of(k, c), layer, 8)
    boxes = tile_boxes(plan_of(k, c), layer)
    of_group = layer.group_filters
    for k0, k1 in boxes[:, 2:4].tolist():  # in one group, or from group to group
        assert k0 // of_group == (k1 - 1) // of_group or (k0 % of_group == 0 and k1 % of_group == 0)


@pytest.mark.small
def test_a_plan_in_one_line_reads_from_the_outermost_loop() -> None:
    assert plan_text(plan_of(order="CNKPQ")) == "C24 N1 K8 P2 Q2"
    kept = plan_of(resident=frozenset({"weights", "activations"}))
    assert plan_text(kept) == "N1 K8 P2 Q2 C24 resident:activations+weights"
