"""Plans as files: what a run writes, `--plans` reads back; mistakes are told by file and line."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accelsim.errors import PlanError
from accelsim.plan import LOOPS, NOTHING_FIXED, Fixed, Plan, Unrolling
from accelsim.plan_file import check_layers, fixed_parts, plans_csv, read_plans, told_where, whole_plans
from accelsim.zoo import workloads_folder

pytestmark = pytest.mark.small

HEAD = "layer,order,tile_n,tile_k,tile_c,tile_p,tile_q,resident,spatial\n"
SIZE = st.integers(1, 2**30)
FACTOR = st.integers(1, 2**24)
NAMES = st.text("abc1./_ ,\"'", min_size=1, max_size=6).filter(lambda name: name == name.strip())


@given(
    st.dictionaries(
        NAMES,
        st.builds(
            Plan,
            tile_n=SIZE,
            tile_k=SIZE,
            tile_c=SIZE,
            tile_p=SIZE,
            tile_q=SIZE,
            order=st.permutations(LOOPS).map("".join),
            resident=st.frozensets(st.sampled_from(["weights", "activations", "outputs"])),
            spatial=st.none() | st.builds(Unrolling, FACTOR, FACTOR, FACTOR),
        ),
        max_size=4,
    )
)
def test_written_plans_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, plans: dict[str, Plan]
) -> None:
    file = tmp_path_factory.mktemp("plans") / "plans.csv"
    file.write_bytes(plans_csv(plans))
    assert read_plans(file) == plans


WRONG = {
    "": ":1: the columns must be layer,order,",
    "layer,order\n": ":1: the columns must be layer,order,",
    HEAD + "a,NKCPQ,1,1,1,1\n": ":2: 6 cells, not 9",
    HEAD + "a,NKCPQ,1,1,1,1,1,,\n\na,NKCPQ,1,1,1,1,1,,\n": ":4: two plans of layer 'a'",
    HEAD + "a,NKCPQ,1,0,1,1,1,,\n": ":2: tile_k must be a whole number of at least 1, not '0'",
    HEAD + "a,NKCPQ,1,1,1,1,-2,,\n": ":2: tile_q must be a whole number of at least 1, not '-2'",
    HEAD
    + "a,NKCPQ,1,1,1,1,1,bias,\n": ":2: resident must be some of weights+activations+outputs, not 'bias'",
    HEAD
    + "a,NKCPQ,1,1,1,1,1,,K4+NPQ0+CRS1\n": ":2: spatial must be K<filters>+NPQ<positions>+CRS<parts>, each",
    HEAD + "a,NKCPQ,1,1,1,1,1,,K4\n": ":2: spatial must be K<filters>+NPQ<positions>+CRS<parts>, each",
    HEAD + 'a,"NKCPQ\n': ": cannot be read",
}


@pytest.mark.parametrize("text", WRONG)
def test_a_mistake_is_told_by_file_and_line(tmp_path: object, text: str) -> None:
    file = Path(str(tmp_path)) / "plans.csv"
    file.write_text(text)
    with pytest.raises(PlanError) as error:
        read_plans(file)
    assert str(error.value).startswith(f"{file}{WRONG[text]}")
    with pytest.raises(PlanError, match="cannot be read"):
        read_plans(file.parent / "none.csv")


def test_every_shipped_plan_can_be_read() -> None:
    files = sorted((workloads_folder() / "plans").glob("*.csv"))
    assert files
    assert all(read_plans(file) for file in files)


def test_empty_cells_are_what_the_mapper_chooses(tmp_path: Path) -> None:
    file = tmp_path / "plans.csv"
    file.write_text(
        HEAD + "a,NKCPQ,,64,,,,,\nb,,,,,,,none,\nc,,1,1,1,1,1,weights+outputs,\nd,,,,,,,,K4+NPQ2+CRS1\n"
    )
    plans = read_plans(file)
    assert plans == {
        "a": Fixed(order="NKCPQ", tile_k=64),
        "b": Fixed(resident=frozenset()),
        "d": Fixed(spatial=Unrolling(4, 2)),
        "c": Fixed(
            tile_n=1, tile_k=1, tile_c=1, tile_p=1, tile_q=1, resident=frozenset({"weights", "outputs"})
        ),
    }
    file.write_bytes(plans_csv(plans))
    assert read_plans(file) == plans
    with pytest.raises(PlanError, match=r"plans\.csv:2: the plan of layer 'a' has empty cells"):
        whole_plans(file)


def test_a_plan_of_no_layer_is_told_with_its_line_and_the_nearest_name(tmp_path: Path) -> None:
    file = tmp_path / "plans.csv"
    file.write_text(f"{HEAD}conv1,,,8,,,,,\n\nconv22,,,8,,,,,\n")
    check_layers(read_plans(file), ["conv1", "conv22"])
    with pytest.raises(PlanError) as told:
        check_layers(read_plans(file), ["conv1", "conv2"])
    assert str(told.value) == (f"{file}:4: no layer conv22; layers: conv1, conv2; did you mean 'conv2'?")
    with pytest.raises(PlanError, match=r"^plans: no layer fc; layers: conv1$"):
        check_layers({"fc": NOTHING_FIXED}, ["conv1"])


def test_an_error_of_a_plan_begins_with_its_line_if_it_has_one(tmp_path: Path) -> None:
    file = tmp_path / "plans.csv"
    file.write_text(f"{HEAD}conv1,,,8,,,,,\n")
    for plans, name, start in (
        (read_plans(file), "conv1", f"{file}:2: "),
        (read_plans(file), "conv2", ""),
        ({"conv1": NOTHING_FIXED}, "conv1", ""),
    ):
        with pytest.raises(PlanError) as told, told_where(plans, name):
            raise PlanError("tile_c must be all")
        assert str(told.value) == f"{start}tile_c must be all"


def test_fixed_parts_are_read_from_texts() -> None:
    assert fixed_parts(["tile_k=64", "order=NKPQC", "resident=none"]) == Fixed(
        tile_k=64, order="NKPQC", resident=frozenset()
    )
    assert fixed_parts([]) == NOTHING_FIXED
