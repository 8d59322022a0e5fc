import pytest

from accelsim.dataflows import unsupported_layers
from accelsim.errors import AccelsimError, InputError
from accelsim.hardware import load_hardware
from accelsim.report import write_run
from accelsim.simulation import simulate
from accelsim.study import pe_balance
from accelsim.study.pe_balance import pe_table, write_heatmaps
from accelsim.trace import network_of, write
from accelsim.zoo import digits_trace

pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture(scope="module")
def trace():
    return digits_trace("digits-cnn")


@pytest.mark.parametrize(
    ("chip", "settings", "options"),
    [
        ("both-skip-16x16", (), {}),
        ("both-skip-16x16", ("scratchpad.capacity_bytes=8192",), {"balance_filters": True, "together": True}),
        ("both-skip-16x16", ("pe_array.unrolling=flexible",), {"order_channels": True}),
        ("dense-16x16", (), {"between_layers": "fuse"}),
        ("systolic-weights-16x32", (), {}),
        ("systolic-outputs-16x32", ("scratchpad.capacity_bytes=8192",), {"together": True}),
        ("systolic-weights-16x32", ("pe_array.stationary=activations",), {}),
        ("eyeriss-168", ("scratchpad.capacity_bytes=16384",), {"order_channels": True}),
        ("eyeriss-v2-192", (), {"balance_filters": True}),
        ("sparse-tensor-core", (), {}),
        ("sparse-tensor-core", (), {"between_layers": "fuse"}),
    ],
)
def test_pes_add_up_to_what_the_run_counted(trace, tmp_path, chip, settings, options):
    run = simulate(trace, load_hardware(chip, list(settings)), **options, toggles="off")
    write_run(run, tmp_path)
    table, left_out = pe_table(trace, tmp_path)
    assert left_out == []
    assert table["mac_lane_cycles"].sum() == run.lane_cycles()["mac"] > 0
    assert table["slot_lane_cycles"].sum() == run.total("done_macs") + run.total("gated_macs")


@pytest.mark.parametrize(
    ("network", "chip", "settings"),
    [
        ("digits-mlp", "eie-64", ("pe_array.codebook=false", "pe_array.stored_weight_bits=8")),
        ("digits-cnn", "scnn-64", ("scratchpad.capacity_bytes=8192",)),
    ],
)
def test_pes_of_chips_that_run_some_layers_add_up_too(tmp_path, network, chip, settings):
    trace, loaded = digits_trace(network), load_hardware(chip, list(settings))
    run = simulate(trace, loaded, left_out=unsupported_layers(network_of(trace), loaded), toggles="off")
    write_run(run, tmp_path)
    table, left_out = pe_table(trace, tmp_path)
    assert left_out == []
    assert table["mac_lane_cycles"].sum() == run.lane_cycles()["mac"] > 0
    assert table["slot_lane_cycles"].sum() == run.total("done_macs")
    assert table.groupby("layer").size().unique().tolist() == [64]


def test_a_miscount_is_told_and_not_written(trace, tmp_path, monkeypatch):
    write_run(simulate(trace, load_hardware("both-skip-16x16"), toggles="off"), tmp_path)
    right = pe_balance.pe_lane_cycles
    monkeypatch.setattr(pe_balance, "pe_lane_cycles", lambda *given: tuple(one + 1 for one in right(*given)))
    with pytest.raises(AccelsimError, match="but the run counted"):
        pe_table(trace, tmp_path)
    assert not (tmp_path / "pes.csv").exists()


def test_another_trace_is_refused(trace, tmp_path):
    write_run(simulate(trace, load_hardware("both-skip-16x16"), toggles="off"), tmp_path / "a")
    with pytest.raises(InputError, match="a run of another trace"):
        pe_table(digits_trace("digits-mlp"), tmp_path / "a")


def test_the_most_uneven_layers_are_drawn_first(trace, tmp_path):
    write(network_of(trace), tmp_path / "t.safetensors")
    write_run(simulate(trace, load_hardware("both-skip-16x16"), toggles="off"), tmp_path / "run")
    done = write_heatmaps(tmp_path / "t.safetensors", tmp_path / "run")
    uneven = done.balance["uneven_lane_cycles"].tolist()
    assert uneven == sorted(uneven, reverse=True)
    drawn = [path for path in done.files if path.suffix == ".png"]
    assert [path.stem for path in drawn] == done.balance["layer"].head(3).tolist()
    assert all(path.is_file() for path in done.files)
    with pytest.raises(InputError, match=r"--layer must be one of .*, not 'nothing'"):
        write_heatmaps(tmp_path / "t.safetensors", tmp_path / "run", ["nothing"])
