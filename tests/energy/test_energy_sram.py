import math

import pytest

from accelsim.energy import load_table, sram
from accelsim.energy.table import PriceRow

pytestmark = pytest.mark.small

CELLS = {"sram_lstp": "itrs-lstp", "sram_lop": "itrs-lop", "sram_hp": "itrs-hp"}


def row_of(component: str, action: str) -> PriceRow:
    unit = "mw" if action == "leakage" else "access"
    (row,) = load_table("45nm").find(component, action, unit)
    return row


def of_fit(component: str, action: str, bound: str = "pj") -> list[float]:
    """Point / fit of every CACTI point of a cell type; `bound` picks which column the fit scales."""
    row = row_of(component, action)
    return [
        p.of(action) / (getattr(row, bound) * sram.scale(row, p.size_bytes, p.width_bits))
        for p in sram.fit_points(45, CELLS[component])
    ]


@pytest.mark.parametrize("what", ["read", "write", "area"])
def test_the_exponents_are_those_of_the_shipped_points(what: str) -> None:
    """Common to 45, 22 and 7 nm; the constants are rounded to half a hundredth or less."""
    *_, size, width = sram.regression(what, [45, 22, 7])
    assert (size, width) == pytest.approx(sram.EXPONENTS[what], abs=0.0075)


@pytest.mark.parametrize(("node", "read", "write"), [(45, 6.64, 8.41), (22, 1.67, 1.83), (7, 0.94, 1.03)])
def test_the_references_are_those_of_the_shipped_points(node: int, read: float, write: float) -> None:
    table = load_table(f"{node}nm")
    for action, stated in (("read", read), ("write", write)):
        (row,) = table.find("sram_lstp", action, "access")
        middle, least, largest = sram.fitted(action, node, 8192, 64)
        assert middle == pytest.approx(stated, rel=5e-3)
        assert row.pj == pytest.approx(stated, rel=5e-3)
        assert (row.low_pj, row.high_pj) == pytest.approx((least, largest), rel=2e-3)


def test_every_node_has_its_48_points_and_their_fit() -> None:
    assert sram.point_nodes() == (7, 16, 22, 32, 45, 65)
    assert [len(sram.fit_points(node)) for node in sram.point_nodes()] == [48] * 6
    assert len(sram.points()) == 6 * 78 + 6


@pytest.mark.parametrize("component", ["sram_lstp", "sram_lop", "sram_hp"])
@pytest.mark.parametrize("action", ["read", "write", "leakage"])
def test_every_cacti_point_lies_between_low_and_high(component: str, action: str) -> None:
    assert len(of_fit(component, action)) == (48 if component == "sram_lstp" else 3)
    assert min(of_fit(component, action, "low_pj")) >= 0.997
    assert max(of_fit(component, action, "high_pj")) <= 1.003


@pytest.mark.parametrize(
    ("action", "least", "most", "mean"), [("read", 0.668, 1.492, 1.16), ("write", 0.804, 1.310, 1.08)]
)
def test_the_fit_spreads_as_stated(action: str, least: float, most: float, mean: float) -> None:
    ratios = of_fit("sram_lstp", action)
    assert (round(min(ratios), 3), round(max(ratios), 3)) == (least, most)
    assert math.exp(sum(abs(math.log(r)) for r in ratios) / len(ratios)) < mean
    # The points lie around the fit, not to one side of it.
    assert math.exp(sum(math.log(r) for r in ratios) / len(ratios)) == pytest.approx(1, abs=0.02)


def test_a_row_at_the_chips_own_size_is_exact() -> None:
    for action in ("read", "write"):
        row = row_of("sram_lstp", action)
        assert sram.scale(row, 8192, 64) == 1.0
    assert sram.scale(row_of("sram_lstp", "leakage"), 524288, 128) == 1.0


def test_a_larger_and_a_wider_memory_costs_more() -> None:
    row = row_of("sram_lstp", "read")
    assert sram.scale(row, 16384, 64) == pytest.approx(2**0.57)
    assert sram.scale(row, 8192, 128) == pytest.approx(2**0.56)
    write = row_of("sram_lstp", "write")
    assert sram.scale(write, 16384, 128) == pytest.approx(2**0.465 * 2**0.775)
    leakage = row_of("sram_lstp", "leakage")
    assert sram.scale(leakage, 2 * 524288, 8) == 2.0


def test_the_nearest_row_is_scaled() -> None:
    row = row_of("sram_lstp", "read")
    large = PriceRow(
        **{n: getattr(row, n) for n in PriceRow.__slots__} | {"size_bytes": 524288, "width_bits": 128}
    )
    assert sram.nearest([row, large], 262144, 128) is large
    assert sram.nearest([row, large], 16384, 64) is row
    assert sram.nearest([row, row], 8192, 64) is row


def test_beyond_the_points_the_fit_says_so() -> None:
    assert not sram.extrapolated(1024, 32)
    assert not sram.extrapolated(2 * 2**20, 256)
    assert sram.extrapolated(1023, 32)
    assert sram.extrapolated(1024, 8)
    assert sram.extrapolated(4 * 2**20, 64)
    assert sram.extrapolated(8192, 512)
