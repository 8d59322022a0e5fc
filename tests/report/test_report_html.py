import json
import math
import re
from dataclasses import replace
from html.parser import HTMLParser

import pandas as pd
import pytest
from results_by_hand import array_layer, chip, result

from accelsim.errors import InputError
from accelsim.hardware import load_hardware
from accelsim.report import read_run, write_run
from accelsim.report.html import glossary, run_page
from accelsim.report.html.chip import chip_rows
from accelsim.report.html.pictures import run_pictures
from accelsim.report.html.tables import Column, number_text, table_of
from accelsim.results import NetworkResult
from accelsim.tables import CAUSES

HOSTILE = "<script>alert(\"x\")</script> & 'conv' </title></svg>"
VOID = {"meta", "link", "input", "br"}


class Page(HTMLParser):
    """Elements, with the text inside each table cell; fails where tags do not match."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.open, self.cells = [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if {"td", "th"} & set(self.open):
            self.cells[-1] += data

    def named(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    write_run(result(inputs=2), root, command="accelsim run toy.npz --hardware sparse.yaml")
    return root


@pytest.fixture(scope="module")
def text(folder):
    return run_page(folder)


def test_a_page_is_well_formed_and_asks_for_nothing(text):
    page = Page(text)
    for tag, attrs in page.elements:
        for name in ("src", "href", "xlink:href", "data", "action", "poster", "srcset"):
            value = attrs.get(name, "#")
            assert value.startswith(("#", "data:")), (tag, name, value)
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "@import" not in style
    assert "url(" not in style
    assert {tag for tag, _ in page.elements} & {"iframe", "object", "embed", "img", "form"} == set()
    script = re.search(r"<script>(.*?)</script>", text, re.DOTALL)[1]
    assert not re.search(r"fetch\(|XMLHttpRequest|import\(|WebSocket|sendBeacon|eval\(|innerHTML", script)


def test_ids_are_unique_and_every_reference_has_its_target(text):
    page = Page(text)
    ids = [attrs["id"] for _, attrs in page.elements if attrs.get("id")]
    assert len(ids) == len(set(ids))
    wanted = {
        value[1:]
        for _, a in page.elements
        for n in ("href", "xlink:href")
        if (value := a.get(n, "")).startswith("#")
    }
    wanted |= {a[n] for _, a in page.elements for n in ("aria-labelledby", "for", "data-filters") if a.get(n)}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", text))
    assert wanted - set(ids) == set()


def test_headings_say_their_scope_and_sortable_ones_their_order(text):
    heads = Page(text).named("th")
    assert {attrs.get("scope") for attrs in heads} == {"col", "row"}
    assert (
        text.count('aria-sort="none"')
        == len(re.findall(r'aria-sort="none"[^>]*><button type="button"', text))
        > 20
    )
    assert {attrs.get("role") for attrs in Page(text).named("svg")} == {"img"}
    assert all(attrs["aria-label"] for attrs in Page(text).named("svg"))


@pytest.mark.usefixtures("without_pictures")
def test_text_of_a_run_is_text_whatever_it_says(tmp_path):
    on = chip(description=HOSTILE)
    layers = (array_layer(HOSTILE, on), array_layer("plain", on))
    run = NetworkResult(
        chip=on,
        network=HOSTILE,
        inputs=1,
        layer_results=layers,
        left_out={HOSTILE: HOSTILE},
        not_modelled=(HOSTILE,),
        area_mm2=(2.0, 1.0, 3.0),
        provenance={HOSTILE: HOSTILE},
    )
    write_run(run, tmp_path, command=HOSTILE)
    text = run_page(tmp_path)
    page = Page(text)
    assert len(page.named("script")) == 1
    assert len(page.named("title")) == 1 + sum(
        len(re.findall("<title>", svg)) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    )
    assert HOSTILE in page.cells


def test_every_heading_and_figure_says_what_it_means(text):
    page = Page(text)
    heads = re.findall(r'<th scope="col"[^>]*><(?:button|span)([^>]*)>', text)
    assert len(heads) > 60
    assert [head for head in heads if "title=" not in head] == []
    assert text.count('<span class="meaning"></span>') == 0
    terms = re.findall(r"<dt>([^<]*)</dt><dd>([^<]+)</dd></div>", text)
    assert {"cycles_mean", "utilisation_fraction", "bound_by", "mac", "lane-cycle"} <= {
        term for term, _ in terms
    }
    assert page.named("dl")


def test_the_layer_table_has_a_row_per_input_and_layer(folder, text):
    table = re.search(r'<table id="layer-table">.*?</table>', text, re.DOTALL)[0]
    rows = Page(table).cells
    run = read_run(folder)
    width = len(re.findall(r'scope="col"', table))
    assert len(rows) == width * (1 + len(run.layers))
    at = [cell.split("\n")[0] for cell in rows[:width]].index("duration cycles")
    assert [int(cell.replace(",", "")) for cell in rows[width + at :: width]] == run.layers["cycles"].tolist()


@pytest.mark.usefixtures("without_pictures")
def test_a_long_run_shows_the_longest_layers_and_says_so(tmp_path, monkeypatch):
    write_run(result(layers=6), tmp_path)
    monkeypatch.setattr("accelsim.report.html.run_report.MOST_ROWS", 3)
    text = run_page(tmp_path)
    table = re.search(r'<table id="layer-table">.*?</table>', text, re.DOTALL)[0]
    assert re.findall(r'<th scope="row">(\w+)</th>', table) == ["conv3", "conv4", "conv5"]
    assert "The 3 rows with most cycles of 7, in order; layers.csv has all." in text


def test_causes_add_up_to_the_run(folder, text):
    table = re.search(r'<table id="causes">.*?</table>', text, re.DOTALL)[0]
    cells = re.findall(r"<t[dh] [^>]*?data-v=\"([^\"]+)\"", table)
    run = read_run(folder)
    assert sum(map(float, cells[0::3])) == pytest.approx(100)
    assert sum(map(float, cells[1::3])) == pytest.approx(run.summary["cycles_mean"])
    assert sum(map(float, cells[2::3])) == sum(run.lane_cycles().values())


def test_energy_by_component_adds_up_and_lies_in_its_interval(folder, text):
    table = re.search(r"<caption><span>Energy of an inference by component.*?</table>", text, re.DOTALL)[0]
    rows = [list(map(float, re.findall(r'data-v="([^"]+)"', row))) for row in table.split("<tr>")[2:]]
    *parts, whole = rows
    run = read_run(folder)
    assert whole[0] == pytest.approx(run.summary["energy_uj_mean"])
    assert sum(row[0] for row in parts) == pytest.approx(whole[0])
    assert all(low <= energy <= high for energy, _, low, high in rows)
    assert whole[2] == pytest.approx(run.summary["energy_uj_p05"])
    assert whole[3] == pytest.approx(run.summary["energy_uj_p95"])


def test_every_bar_and_point_says_its_value(folder):
    run = read_run(folder)
    pictures = run_pictures(run)
    cycles = re.findall(r"<title>([^<]+)</title>", pictures["cycles"].svg)
    causes = run.layers.groupby("layer")[[f"{cause}_lane_cycles" for cause in CAUSES]].sum()
    assert len(cycles) == (causes > 0).sum().sum()
    assert "conv2\neffectual MAC: " in "|".join(cycles)
    tips = re.findall(r"<title>([^<]+)</title>", pictures["timeline"].svg)
    longest = run.tiles[(run.tiles["input"] == 0) & (run.tiles["layer"] == "conv2")]
    assert len(tips) == 3 * len(longest)
    first = longest.iloc[0]
    assert f"tile 0, fetch: cycle 0 to {first['fetch_end_cycle']:,}" in tips[0]
    assert len(re.findall(r"<title>", pictures["roofline"].svg)) == 3


@pytest.mark.usefixtures("without_pictures")
def test_a_run_says_its_command_or_its_equal(folder, text, tmp_path):
    assert "<code>accelsim run toy.npz --hardware sparse.yaml</code>" in text
    facts = {"seed": 3, "objective": "dram", "between_layers": "keep", "filters": "x"}
    facts["toggles"] = "sampled"
    run = replace(result(load_hardware("both-skip-16x16")), provenance=facts)
    write_run(run, tmp_path)
    wanted = "accelsim run TRACE --hardware both-skip-16x16 --objective dram --between-layers keep --seed 3"
    assert f"<code>{wanted} --balance-filters</code>" in run_page(tmp_path)
    # Stored before runs said how they count toggles: none were counted.
    write_run(replace(run, provenance={}), tmp_path)
    assert "--hardware both-skip-16x16 --toggles off</code>" in run_page(tmp_path)


def test_what_was_not_modelled_is_what_the_run_and_the_chip_say(text):
    missing = re.search(r'<section id="missing".*?</section>', text, re.DOTALL)[0]
    for words in (
        "softmax",
        "Scratchpad banks never conflict",
        "descriptors take no time",
        "no banks, rows or refresh",
        "control: instructions",
    ):
        assert words in missing
    banked = chip_rows(load_hardware("both-skip-16x16"))
    assert len(banked) > 30


def test_a_chips_key_has_the_source_of_its_file_unless_it_was_changed():
    rows = {row["key"]: row for row in chip_rows(load_hardware("both-skip-16x16", ["pe_array.rows=8"]))}
    assert rows["scratchpad.capacity_bytes"]["source"] == "bytes; assumed: 512 KiB"
    assert rows["dram.peak_gb_per_s"]["source"].endswith("(JESD209-4)")
    assert rows["pe_array.rows"]["source"] == "as given; the shipped chip of this name has 16"
    assert rows["scratchpad.banks"] == rows["scratchpad.banks"] | {"value": "-", "source": "default"}
    assert {row["source"] for row in chip_rows(chip())} == {"as given"}


@pytest.mark.usefixtures("without_pictures")
def test_pes_of_another_run_are_refused(folder, tmp_path):
    write_run(result(load_hardware("both-skip-16x16")), tmp_path)
    assert "accelsim heatmap TRACE RUN_FOLDER" in run_page(tmp_path)
    row = {"layer": "conv0", "part": 0, "row": 0, "column": 0, "mac_lane_cycles": 1, "slot_lane_cycles": 1}
    pd.DataFrame([row]).to_csv(tmp_path / "pes.csv", index=False)
    with pytest.raises(InputError, match=r"pes\.csv: .*of another run"):
        run_page(tmp_path)


def test_a_folder_that_is_no_run_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"summary\.json: cannot be read"):
        run_page(tmp_path)
    (tmp_path / "summary.json").write_text(json.dumps({"schema_version": 99}))
    with pytest.raises(InputError, match="schema_version must be 1, not 99"):
        run_page(tmp_path)


@pytest.mark.small
@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (1435700.0, 0, "1,435,700"),
        (0.0131, 2, "0.0131"),
        (1.127, 1, "1.13"),
        (33.76, 1, "33.8"),
        (2.5, 0, "2.50"),
        (98.0, 0, "98"),
        (0.0, 2, "0.00"),
        (-0.5, 1, "-0.500"),
        (3e-9, 2, "3e-09"),
        (math.inf, 1, "∞"),
    ],
)
def test_numbers_have_their_decimals_or_three_digits(value, digits, text):
    assert number_text(value, digits) == text


@pytest.mark.small
def test_cells_sort_by_value_and_what_is_not_there_comes_last():
    columns = (Column(key="a", heading="a", digits=1, scale=100), Column(key="b", heading="b"))
    rows = table_of([{"a": 0.5, "b": "x"}, {"a": math.nan}, {"a": math.inf, "b": 3}], columns, "c").rows
    assert [cell.value for row in rows for cell in row[:1]] == [50.0, None, 1.7e308]
    assert [cell.text for row in rows for cell in row] == ["50.0", "x", "-", "-", "∞", "3"]


@pytest.mark.small
def test_the_glossary_is_read_without_markup():
    known = glossary()
    assert known["speedup_limit"].startswith("dense MACs / effectual MACs")
    assert known["area_low_mm2"] == known["area_mm2"]
    assert {"lane", "gated", *CAUSES} <= set(known)
    assert not [name for name, words in known.items() if "](" in words or "`" in words]
