"""From DRAM to MAC: boxes add up to the energy, bands are the bytes of the layers' table."""

import pytest
from results_by_hand import chip, result

from accelsim import plots


@pytest.mark.small
def test_boxes_add_up_to_the_energy_of_an_inference():
    run = result(inputs=2)
    table = plots.flow_table(run)
    boxes = table[table["to"] == ""]
    assert boxes["from"].tolist() == ["dram", "scratchpad", "wires", "queues", "macs", "everywhere"]
    assert boxes["energy_pj"].sum() == pytest.approx(run.summary()["energy_uj_mean"] * 1e6)
    spent = run.energy.groupby("component")["pj"].sum() / 2
    found = boxes.set_index("from")["energy_pj"]
    assert found["dram"] == pytest.approx(spent["dram"])
    assert found["queues"] == pytest.approx(spent["queue"])
    assert found["everywhere"] == pytest.approx(0, abs=1e-6)


@pytest.mark.small
def test_bands_are_the_bytes_of_the_layers():
    run = result(inputs=2)
    table = plots.flow_table(run)
    bands = table[table["to"] != ""].set_index(["from", "to", "operand"])["bytes"]
    assert bands["dram", "scratchpad", "weights"] == run.total("weight_fetch_bytes") / 2
    assert bands["scratchpad", "dram", "outputs"] == run.total("output_drain_bytes") / 2
    assert bands["queues", "macs", "weights"] == run.total("weight_operand_reads") / 2  # a byte each
    assert (bands > 0).all()


def test_a_box_is_as_high_as_its_share_and_every_band_is_labelled():
    run = result()
    figure, table = plots.flow(run), plots.flow_table(run)
    axes = figure.axes[0]
    boxes = table[table["to"] == ""]["energy_pj"]
    heights = [p.get_height() for p in axes.patches if hasattr(p, "get_height")]
    assert sum(heights[1::2]) == pytest.approx(0.98)
    assert heights[1::2] == pytest.approx((0.98 * boxes / boxes.sum()).tolist())
    texts = [text.get_text() for text in axes.texts]
    assert len(texts) == len(table)
    assert any("DRAM" in text and "%" in text for text in texts)


def test_a_run_without_bytes_of_an_operand_draws_none_of_it():
    assert "partial sums" not in set(plots.flow_table(result(chip()))["operand"])
