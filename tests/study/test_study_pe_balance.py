import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accelsim.errors import AccelsimError, InputError
from accelsim.hardware import load_hardware
from accelsim.network import Layer
from accelsim.plan import Unrolling
from accelsim.report import write_run
from accelsim.simulation import simulate
from accelsim.study import pe_balance
from accelsim.study.pe_balance import pe_lane_cycles, pe_table, write_heatmaps
from accelsim.trace import LayerTrace, network_of, write
from accelsim.zoo import digits_trace


def by_hand(trace, boxes, held, skips, chunk):
    """Every pair of every output set, one after the other, on the PE that docs/dataflows/inner_join.md names."""
    layer = trace.layer
    counts = np.zeros((2, held.parts, held.filters, held.positions), np.int64)
    of_group = layer.group_filters
    for n0, n1, k0, k1, c0, c1, p0, p1, q0, q1 in boxes.tolist():
        positions = list(itertools.product(range(n0, n1), range(p0, p1), range(q0, q1)))
        k = k0
        while k < k1:
            fitting = min(held.filters, k1 - k) // of_group
            size = min(held.filters, k1 - k, of_group - k % of_group)
            if k % of_group == 0 and fitting > 1:
                size = fitting * of_group
            for at, (n, p, q) in enumerate(positions):
                for row in range(size):
                    part = 0
                    for r, s in itertools.product(range(layer.kernel[0]), range(layer.kernel[1])):
                        h = p * layer.stride[0] + r * layer.dilation[0] - layer.padding[0]
                        w = q * layer.stride[1] + s * layer.dilation[1] - layer.padding[1]
                        for first in range(c0, c1, chunk):
                            for c in range(first, min(first + chunk, c1)):
                                weight = trace.weights[k + row, r, s, c] != trace.weight_zero_points[k + row]
                                inside = 0 <= h < layer.input_height and 0 <= w < layer.input_width
                                channel = (k + row) // of_group * layer.group_channels + c
                                value = (
                                    inside
                                    and trace.activations[n, h, w, channel] != trace.activation_zero_point
                                )
                                place = part % held.parts, row, at % held.positions
                                counts[0][place] += weight and value
                                counts[1][place] += (weight or not skips[0]) and (value or not skips[1])
                            part += 1
            k += size
    return counts


@st.composite
def cases(draw):
    groups, of_group, channels = draw(
        st.sampled_from([(1, 5, 9), (1, 3, 70), (4, 1, 1), (3, 2, 2), (2, 5, 3)])
    )
    kernel, stride, dilation, pad = draw(
        st.sampled_from([(1, 1, 1, 0), (3, 1, 1, 1), (3, 2, 1, 1), (2, 1, 2, 0)])
    )
    layer = Layer(
        name="l",
        batch=draw(st.integers(1, 2)),
        input_height=draw(st.integers(4, 6)),
        input_width=draw(st.integers(4, 5)),
        channels=groups * channels,
        filters=groups * of_group,
        kernel=(kernel, kernel),
        stride=(stride, stride),
        dilation=(dilation, dilation),
        padding=(pad, pad, 0, pad),
        groups=groups,
    )
    random = np.random.default_rng(draw(st.integers(0, 99)))
    trace = LayerTrace(
        layer=layer,
        weights=(
            random.integers(-3, 4, layer.weight_shape) * (random.random(layer.weight_shape) < 0.5)
        ).astype(np.int8),
        activations=random.integers(0, 3, layer.activation_shape).astype(np.uint8),
        weight_zero_points=random.integers(-1, 2, layer.filters).astype(np.int32),
        weight_scales=np.ones(layer.filters, np.float32),
        activation_zero_point=1,
    )
    _, p, q, k = layer.output_shape
    cut = [draw(st.integers(0, size)) for size in (k, p, q)]
    ranges = [[(0, at), (at, size)] for at, size in zip(cut, (k, p, q), strict=True)]
    boxes = [
        (0, layer.batch, *ks, 0, layer.group_channels, *ps, *qs)
        for ks, ps, qs in itertools.product(*ranges)
        if ks[0] < ks[1] and ps[0] < ps[1] and qs[0] < qs[1]
    ]
    held = draw(st.sampled_from([None, Unrolling(2, 3), Unrolling(3, 2, 2), Unrolling(6, 1, 3)]))
    return trace, np.array(boxes, np.int64), held


@settings(max_examples=40)
@given(cases(), st.sampled_from(["skip", "gate", "compute"]), st.sampled_from(["skip", "gate", "compute"]))
def test_every_pair_is_counted_on_its_pe(case, weight_policy, activation_policy):
    trace, boxes, held = case
    policies = [f"pe_array.weight_policy={weight_policy}", f"pe_array.activation_policy={activation_policy}"]
    chip = load_hardware("both-skip-16x16", ["pe_array.rows=4", "pe_array.columns=3", *policies])
    mac, slot = pe_lane_cycles(trace, boxes, chip, held)
    skips = weight_policy == "skip", activation_policy == "skip"
    wanted = by_hand(trace, boxes, held or Unrolling(4, 3), skips, chip.pe_array.chunk_elements)
    np.testing.assert_array_equal(mac, wanted[0])
    np.testing.assert_array_equal(slot, wanted[1])


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
    ],
)
def test_pes_add_up_to_what_the_run_counted(trace, tmp_path, chip, settings, options):
    run = simulate(trace, load_hardware(chip, list(settings)), **options, toggles="off")
    write_run(run, tmp_path)
    table, left_out = pe_table(trace, tmp_path)
    assert left_out == []
    assert table["mac_lane_cycles"].sum() == run.lane_cycles()["mac"] > 0
    assert table["slot_lane_cycles"].sum() == run.total("done_macs") + run.total("gated_macs")


def test_a_miscount_is_told_and_not_written(trace, tmp_path, monkeypatch):
    write_run(simulate(trace, load_hardware("both-skip-16x16")), tmp_path)
    right = pe_balance.pe_lane_cycles
    monkeypatch.setattr(pe_balance, "pe_lane_cycles", lambda *given: tuple(one + 1 for one in right(*given)))
    with pytest.raises(AccelsimError, match="but the run counted"):
        pe_table(trace, tmp_path)
    assert not (tmp_path / "pes.csv").exists()


def test_another_trace_or_dataflow_is_refused(trace, tmp_path):
    write_run(simulate(trace, load_hardware("both-skip-16x16")), tmp_path / "a")
    with pytest.raises(InputError, match="a run of another trace"):
        pe_table(digits_trace("digits-mlp"), tmp_path / "a")
    write_run(simulate(trace, load_hardware("systolic-weights-16x32"), toggles="off"), tmp_path / "b")
    with pytest.raises(InputError, match="PEs are counted for inner_join, not systolic"):
        pe_table(trace, tmp_path / "b")


def test_the_most_uneven_layers_are_drawn_first(trace, tmp_path):
    write(network_of(trace), tmp_path / "t.safetensors")
    write_run(simulate(trace, load_hardware("both-skip-16x16")), tmp_path / "run")
    done = write_heatmaps(tmp_path / "t.safetensors", tmp_path / "run")
    uneven = done.balance["uneven_lane_cycles"].tolist()
    assert uneven == sorted(uneven, reverse=True)
    drawn = [path for path in done.files if path.suffix == ".png"]
    assert [path.stem for path in drawn] == done.balance["layer"].head(3).tolist()
    assert all(path.is_file() for path in done.files)
    with pytest.raises(InputError, match=r"--layer must be one of .*, not 'nothing'"):
        write_heatmaps(tmp_path / "t.safetensors", tmp_path / "run", ["nothing"])
