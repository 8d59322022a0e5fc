import dataclasses
import json
import math
import shutil
from pathlib import Path

import pandas as pd
import pytest
from results_by_hand import array_layer, chip, pooling, result

from accelsim import plots
from accelsim.errors import InputError
from accelsim.plots import tables_of
from accelsim.report import read_run, write_run
from accelsim.report.files import notes
from accelsim.results import NetworkResult
from accelsim.tables import TIMELINE, WORK

FILES = {
    "plans.csv",
    "layers.csv",
    "energy.csv",
    "actions.csv",
    "tiles.csv",
    "timeline.json",
    "summary.json",
    *(
        f"plots/{name}.{end}"
        for name in ("cycles", "energy", "flow", "roofline", "timeline")
        for end in ("svg", "csv")
    ),
}


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return result(inputs=2), folder, write_run(result(inputs=2), folder)


def test_a_run_is_these_files_and_no_other(written):
    _, folder, paths = written
    found = {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}
    assert found == FILES
    assert {p.relative_to(folder).as_posix() for p in paths} == FILES


def test_equal_runs_are_equal_bytes(written, tmp_path):
    _, folder, _ = written
    write_run(result(inputs=2), tmp_path)
    for name in FILES:
        assert (folder / name).read_bytes() == (tmp_path / name).read_bytes(), name


def test_what_is_written_is_read_back(written):
    run, folder, _ = written
    back, fresh = read_run(folder), tables_of(run)
    assert (back.chip, back.network, back.inputs) == (run.chip, "toy", 2)
    for name in ("layers", "energy", "tiles"):
        pd.testing.assert_frame_equal(
            getattr(back, name), getattr(fresh, name), check_dtype=False, rtol=1e-11, obj=name
        )
    assert back.summary == run.summary()


def test_a_run_read_back_draws_the_same_pictures(written, tmp_path):
    _, folder, _ = written
    back = read_run(folder)
    for name in ("cycles", "energy", "roofline", "timeline"):
        table = getattr(plots, f"{name}_table")(back)
        for path in plots.save(getattr(plots, name)(back), tmp_path / name, table):
            assert path.read_bytes() == (folder / "plots" / path.name).read_bytes(), path.name
    assert plots.compare_table([back], names=["a"])["cycles"][0] == result(inputs=2).cycles / 2


def test_summary_says_what_was_run_and_what_was_not(written):
    run, folder, _ = written
    document = json.loads((folder / "summary.json").read_text())
    assert document["summary"]["cycles_mean"] == run.cycles / 2
    assert document["not_modelled"] == ["softmax"]
    assert document["provenance"] == {"source": "by hand"}
    assert document["chip"]["pe_array"]["rows"] == 4
    assert document["notes"] == notes(run)


def test_tiles_carry_work_and_timeline(written):
    run, folder, _ = written
    table = pd.read_csv(folder / "tiles.csv")
    assert list(table.columns) == ["input", "layer", "tile", *WORK.names, *TIMELINE.names]
    assert len(table) == sum(len(r.work) for r in run.layer_results if r.work is not None)
    assert table["dense_macs"].sum() == run.total("dense_macs")


def test_actions_are_the_counts_of_the_bill(written):
    run, folder, _ = written
    table = pd.read_csv(folder / "actions.csv").set_index("component")
    assert list(table.index) == ["mac", "queue", "scratchpad", "dram"]
    assert table.loc["mac", "count"] == run.total("done_macs")


def test_a_value_that_does_not_exist_is_null_and_comes_back_as_nan(tmp_path):
    on = chip()
    run = NetworkResult(chip=on, network="pool", inputs=1, layer_results=(pooling("p", on),))
    write_run(run, tmp_path)
    assert json.loads((tmp_path / "summary.json").read_text())["summary"]["speedup_limit"] is None
    back = read_run(tmp_path)
    assert math.isnan(back.summary["speedup_limit"])
    assert math.isnan(back.layers["weight_density_fraction"][0])
    assert back.tiles.empty
    assert not (tmp_path / "plots" / "timeline.svg").exists()


def test_a_run_without_prices_is_written_too(tmp_path):
    on = chip()
    free = dataclasses.replace(array_layer("conv", on), energy=())
    run = NetworkResult(chip=on, network="toy", inputs=1, layer_results=(free,))
    write_run(run, tmp_path)
    back = read_run(tmp_path)
    assert back.energy.empty
    assert not (tmp_path / "plots" / "energy.svg").exists()


def test_any_layer_name_survives(tmp_path):
    on, names = chip(), ["NA", "null", "1.0", "a,b", 'say "x"', "µ"]
    layers = tuple(array_layer(name, on) for name in names)
    write_run(NetworkResult(chip=on, network="toy", inputs=1, layer_results=layers), tmp_path)
    back = read_run(tmp_path)
    assert back.layers["layer"].tolist() == names
    assert list(dict.fromkeys(back.tiles["layer"])) == names


@pytest.mark.small
def test_notes_tell_what_was_drawn_sampled_and_unchecked():
    on = chip()
    layers = [array_layer(f"c{n}", on) for n in range(9)]
    layers[0] = dataclasses.replace(layers[0], outputs_drawn=True, outputs_checked=0)
    layers[1] = dataclasses.replace(layers[1], outputs_checked_whole=False)
    layers[2:] = [
        dataclasses.replace(layer, outputs_checked=0, outputs_checked_whole=False) for layer in layers[2:]
    ]
    told = notes(NetworkResult(chip=on, network="toy", inputs=1, layer_results=tuple(layers)))
    assert len(told) == 4
    assert "drawn at a stated density" in told[1]
    assert "in layer c0:" in told[1]
    assert told[2] == "Outputs compared with numpy at sampled positions in layer c1."
    assert told[3] == "Outputs not compared with numpy in layers c0, c2, c3, c4, c5 and 3 more."


@pytest.mark.small
def test_notes_say_when_a_16_bit_chip_runs_8_bit_values():
    on = chip()
    wide = on.model_copy(update={"pe_array": on.pe_array.model_copy(update={"activation_bits": 16})})
    assert not any("16-bit" in note for note in notes(result(on)))
    assert any("8-bit weights and 16-bit activations" in note for note in notes(result(wide)))


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(InputError, match=r"taken.layers\.csv: cannot write"):
        write_run(result(), tmp_path / "taken")


def broken(folder: Path, name: str, change):
    content = (folder / name).read_text()
    (folder / name).write_text(change(content))


def drop_chip(text):
    document = json.loads(text)
    del document["chip"]
    return json.dumps(document)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("summary.json", lambda text: text[:-20], r"summary\.json: is not JSON"),
        ("summary.json", lambda text: "[]", r"schema_version must be 1, not None"),
        ("summary.json", lambda text: text.replace('"schema_version": 1', '"schema_version": 9', 1), "not 9"),
        ("summary.json", drop_chip, r"summary\.json: key 'chip' is missing"),
        ("summary.json", lambda text: text.replace('"rows": 4', '"rows": 0'), r"chip\.pe_array\.rows: "),
        (
            "layers.csv",
            lambda text: text.replace("energy_pj", "energy", 1),
            r"layers\.csv: column 'energy_pj'",
        ),
        ("tiles.csv", lambda text: "", r"tiles\.csv: is not a table of accelsim"),
    ],
)
def test_a_damaged_folder_is_refused_and_the_file_named(written, tmp_path, name, change, message):
    folder = shutil.copytree(written[1], tmp_path / "run")
    broken(folder, name, change)
    with pytest.raises(InputError, match=message):
        read_run(folder)


@pytest.mark.parametrize("name", ["summary.json", "layers.csv", "energy.csv", "tiles.csv"])
def test_a_missing_file_is_named(written, tmp_path, name):
    folder = shutil.copytree(written[1], tmp_path / "run")
    (folder / name).unlink()
    with pytest.raises(InputError, match=f"{name}: cannot be read: No such file"):
        read_run(folder)
