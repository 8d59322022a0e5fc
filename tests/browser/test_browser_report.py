"""Reports in a real Chromium (Debian's, with its driver): what a reader sees, does and prints.

`make browser-test` installs what this needs; `make test` leaves it out.
"""

import base64
import json
from dataclasses import replace
from pathlib import Path

import pytest

from accelsim.hardware import load_hardware
from accelsim.report import read_run, write_run
from accelsim.report.html import run_page
from accelsim.simulation import simulate
from accelsim.study.driver import run_study
from accelsim.study.pe_balance import write_heatmaps
from accelsim.study.report import study_page
from accelsim.study.store import Store
from accelsim.study.study_file import read_study
from accelsim.trace import write
from accelsim.zoo import digits_trace

pytestmark = pytest.mark.browser

HOSTILE = "<script>document.title='hacked'</script>"
WIDTHS = {"desktop": (1280, 900), "phone": (360, 740)}
PRINT_PIXELS = round((297 - 2 * 12) / 25.4 * 96)  # the width of A4 landscape between the page's margins
# The least contrast of any text with what is behind it, and that text (WCAG 2.1, 1.4.3); pictures are apart.
CONTRAST = """
const light = (c) => { const v = c.map((x) => { x /= 255; return x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * v[0] + 0.7152 * v[1] + 0.0722 * v[2]; };
const numbers = (text) => text.match(/[\\d.]+/g).map(Number);
let least = [21, ""];
for (const e of document.querySelectorAll("body *")) {
  if (e.closest("svg, script, style") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim())) continue;
  let back = e;
  while (back && (numbers(getComputedStyle(back).backgroundColor)[3] ?? 1) === 0) back = back.parentElement;
  const a = light(numbers(getComputedStyle(e).color)), b = back ? light(numbers(getComputedStyle(back).backgroundColor)) : 1;
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < least[0]) least = [ratio, e.textContent.trim().slice(0, 60)];
}
return least;
"""


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("run")
    trace = digits_trace("digits-cnn")
    write(trace, root / "t.safetensors")
    done = simulate(trace, load_hardware("both-skip-16x16", ["scratchpad.capacity_bytes=8192"]))
    write_run(replace(done, network=HOSTILE, provenance=done.provenance | {"note": HOSTILE}), root / "r")
    write_heatmaps(root / "t.safetensors", root / "r")
    (root / "r" / "report.html").write_text(run_page(root / "r"), encoding="utf-8")
    return root / "r"


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    root = tmp_path_factory.mktemp("study")
    file = root / "s.yaml"
    file.write_text(
        "name: small\nbase: both-skip-16x16\nworkloads: [digits-mlp]\n"
        "axes:\n  - {keys: [pe_array.rows, pe_array.columns], values: [[4, 4], [8, 8], [16, 16]]}\n"
        "  - {key: scratchpad.capacity_bytes, values: [64, 65536]}\n"
        "objectives: [{minimise: cycles_mean}, {minimise: energy_uj_mean}]\n"
    )
    study, text = read_study(file)
    done = run_study(study, text, root / "s.sqlite", file=str(file))
    assert (done.done, done.failed) == (3, 3)  # nothing fits in 64 bytes
    (root / "s.html").write_text(study_page(root / "s.sqlite"), encoding="utf-8")
    return root / "s.html"


@pytest.fixture(scope="module")
def bent_study(tmp_path_factory):
    """A store written by hand: a front of three points, its knee in the middle."""
    path = tmp_path_factory.mktemp("bent") / "bent.sqlite"
    text = (
        "name: bent\nbase: both-skip-16x16\nworkloads: [digits-mlp]\n"
        "axes: [{key: pe_array.rows, values: [4, 8, 16]}]\n"
        "objectives: [{minimise: cycles_mean}, {minimise: energy_uj_mean}]\n"
    )
    with Store(path, text, ["pe_array.rows"]) as store:
        store.write_fact("points", "3")
        store.write_fact("file", "bent.yaml")
        for number, (rows, cycles, energy) in enumerate(((4, 1000, 1), (8, 200, 2), (16, 100, 10))):
            figures = {"cycles_mean": float(cycles), "energy_uj_mean": float(energy), "feasible": True}
            store.add(
                f"k{number}",
                {"workload": "digits-mlp", "pe_array.rows": rows},
                number=number,
                figures=figures,
            )
    (path.parent / "bent.html").write_text(study_page(path), encoding="utf-8")
    return path.parent / "bent.html"


@pytest.fixture(params=["run", "study", "bent study"])
def page(request, run_folder, study_file, bent_study):
    return {"run": run_folder / "report.html", "study": study_file, "bent study": bent_study}[request.param]


def opened(browser, path: Path, width="desktop"):
    from selenium.webdriver.support.ui import WebDriverWait

    wide, high = WIDTHS[width]
    metrics = {"width": wide, "height": high, "deviceScaleFactor": 1, "mobile": width == "phone"}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "screen"})
    for log in ("browser", "performance"):
        browser.get_log(log)  # what was before
    browser.get(path.as_uri())
    # On a busy machine `get` may return before the emulated phone has laid the page out and run its script.
    ready = "return document.readyState === 'complete' && !document.querySelector('svg g > title')"
    WebDriverWait(browser, 60).until(lambda opened: opened.execute_script(ready))
    return browser


def one(browser, selector):
    return browser.find_element("css selector", selector)


def column(browser, table, heading):
    """Sort values of the shown rows."""
    return browser.execute_script(
        "const [table, heading] = arguments; const t = document.getElementById(table);"
        "const i = [...t.tHead.rows[0].cells].findIndex((c) => c.textContent.startsWith(heading));"
        "return [...t.tBodies[0].rows].filter((r) => !r.hidden).map((r) => r.cells[i].dataset.v ?? r.cells[i].textContent);",
        table,
        heading,
    )


def button(browser, table, heading):
    buttons = browser.find_elements("css selector", f"#{table} th button")
    return next(found for found in buttons if found.text.startswith(heading))


@pytest.mark.parametrize("width", WIDTHS)
def test_a_page_is_silent_asks_for_nothing_and_fits(browser, page, width):
    opened(browser, page, width)
    browser.execute_script("for (const d of document.querySelectorAll('details')) d.open = true;")
    wide, seen = browser.execute_script("return [document.documentElement.scrollWidth, window.innerWidth]")
    assert seen == WIDTHS[width][0]
    assert wide <= seen
    ratio, text = browser.execute_script(CONTRAST)
    assert ratio >= 4.5, text
    assert browser.get_log("browser") == []
    events = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    asked = [e["params"]["request"]["url"] for e in events if e["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith("data:")] == [page.as_uri()]


def test_names_are_text_whatever_they_say(browser, run_folder):
    opened(browser, run_folder / "report.html")
    assert HOSTILE in one(browser, "h1").text
    assert browser.title.startswith(HOSTILE)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_heading_sorts_by_mouse_and_by_key(browser, run_folder, width):
    from selenium.webdriver.common.keys import Keys

    opened(browser, run_folder / "report.html", width)
    cycles = [float(value) for value in column(browser, "layer-table", "duration")]
    layers = read_run(run_folder).layers
    assert cycles == layers["cycles"].tolist()
    head = button(browser, "layer-table", "duration")
    head.click()
    assert [float(value) for value in column(browser, "layer-table", "duration")] == sorted(
        cycles, reverse=True
    )
    assert head.find_element("xpath", "..").get_attribute("aria-sort") == "descending"
    head.send_keys(Keys.ENTER)
    assert [float(value) for value in column(browser, "layer-table", "duration")] == sorted(cycles)
    name = button(browser, "layer-table", "layer")
    name.send_keys(Keys.SPACE)
    assert column(browser, "layer-table", "layer") == sorted(layers["layer"])
    assert head.find_element("xpath", "..").get_attribute("aria-sort") == "none"


@pytest.mark.parametrize("width", WIDTHS)
def test_a_filter_shows_the_rows_with_its_words(browser, run_folder, width):
    from selenium.webdriver.common.keys import Keys

    opened(browser, run_folder / "report.html", width)
    every = column(browser, "layer-table", "layer")
    wanted = [name for name in every if "conv" in name]
    assert 0 < len(wanted) < len(every)
    box = one(browser, "#layer-table-filter")
    box.send_keys("CONV")
    assert column(browser, "layer-table", "layer") == wanted
    assert one(browser, "#layer-table-count").text == f"{len(wanted)} of {len(every)} rows"
    box.send_keys(" nowhere")
    assert column(browser, "layer-table", "layer") == []
    box.send_keys(Keys.ESCAPE)
    assert column(browser, "layer-table", "layer") == every


def test_a_study_filters_its_failed_points(browser, study_file):
    opened(browser, study_file)
    one(browser, "#points-table-filter").send_keys("failed")
    assert len(column(browser, "points-table", "point")) == 3
    assert one(browser, "#points-table-count").text == "3 of 6 rows"


def hovered(browser, mark):
    from selenium.webdriver import ActionChains

    browser.execute_script("arguments[0].scrollIntoView({block: 'center', inline: 'center'})", mark)
    ActionChains(browser).move_to_element(mark).perform()
    return one(browser, "#tip")


@pytest.mark.parametrize("width", WIDTHS)
def test_a_mark_says_its_value_on_hover(browser, run_folder, width):
    opened(browser, run_folder / "report.html", width)
    run = read_run(run_folder)
    first = run.layers[run.layers["layer"] == run.layers["layer"].iloc[0]]
    lanes = run.chip.pe_array.multipliers * run.inputs
    cycles = first["fetch_wait_lane_cycles"].sum() / lanes
    name = first["layer"].iloc[0]
    bars = browser.find_elements("css selector", f"#cycles-figure_1 [data-tip^='{name}']")
    tip = hovered(browser, next(bar for bar in bars if "wait for fetch" in bar.get_attribute("data-tip")))
    told, value = tip.text.split("\n")
    assert told == name
    assert float(value.split(": ")[1].split()[0].replace(",", "")) == pytest.approx(cycles, rel=0.01)
    box = browser.execute_script(
        "const b = arguments[0].getBoundingClientRect(); return [b.left, b.right]", tip
    )
    assert 0 <= box[0] < box[1] <= WIDTHS[width][0]
    square = one(browser, "#pes0-pes [data-tip]")
    assert hovered(browser, square).text == square.get_attribute("data-tip")
    assert "effectual MACs in" in tip.text


def test_a_point_of_a_study_says_its_settings_on_hover(browser, study_file):
    opened(browser, study_file)
    tip = hovered(browser, one(browser, "[id$='points0'] [data-tip]"))
    assert tip.text.startswith("point ")
    assert "pe_array.rows" in tip.text


@pytest.mark.parametrize("width", WIDTHS)
def test_a_study_says_on_hover_what_an_axis_moves_and_sorts_it(browser, study_file, width):
    opened(browser, study_file, width)
    bars = browser.find_elements("css selector", "#moves svg [data-tip]")
    told = [bar.get_attribute("data-tip") for bar in bars]
    assert [text.split("\n")[0] for text in told] == ["Duration", "Energy"]
    assert all("pe_array.rows, pe_array.columns: mean " in text for text in told)
    assert hovered(browser, bars[0]).text == told[0]
    factors = [float(value) for value in column(browser, "sensitivity-table", "mean factor")]
    assert len(factors) == 2
    head = button(browser, "sensitivity-table", "mean factor")
    head.click()
    assert [float(value) for value in column(browser, "sensitivity-table", "mean factor")] == sorted(
        factors, reverse=True
    )
    head.click()
    assert [float(value) for value in column(browser, "sensitivity-table", "mean factor")] == sorted(factors)


def test_the_star_of_a_knee_says_which_point_it_is(browser, bent_study):
    opened(browser, bent_study)
    star = one(browser, "#pictures svg [data-tip*=', knee:']")
    assert hovered(browser, star).text.startswith("point 1, knee: Duration 200 cycles")
    assert column(browser, "front", "knee") == ["", "knee", ""]


def test_a_heading_says_what_it_means_to_the_keyboard(browser, run_folder):
    from selenium.webdriver.common.keys import Keys

    opened(browser, run_folder / "report.html")
    one(browser, "#layer-table-filter").send_keys(Keys.TAB, Keys.TAB)
    browser.switch_to.active_element.send_keys(Keys.TAB, Keys.TAB)
    active = browser.switch_to.active_element
    assert active.tag_name == "button"
    tip = one(browser, "#tip")
    assert tip.is_displayed()
    assert tip.text == active.get_attribute("aria-description") != ""
    assert active.value_of_css_property("outline-style") == "solid"
    active.send_keys(Keys.ESCAPE)
    assert not tip.is_displayed()


def test_print_opens_all_cuts_nothing_and_has_no_controls(browser, page):
    opened(browser, page)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    metrics = {"width": PRINT_PIXELS, "height": 700, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    for control in browser.find_elements("css selector", ".controls, nav, summary"):
        assert not control.is_displayed()
    cut = browser.execute_script(
        "return [...document.querySelectorAll('table')].filter((t) => t.getBoundingClientRect().right > innerWidth + 1)"
        ".map((t) => t.caption.textContent)"
    )
    assert cut == []
    hidden = browser.execute_script(
        "return [...document.querySelectorAll('details:not(.data) > *:not(summary)')]"
        ".filter((part) => !part.checkVisibility({contentVisibilityAuto: true}) || part.offsetHeight < 20).length"
    )
    assert hidden == 0
    pdf = base64.b64decode(browser.execute_cdp_cmd("Page.printToPDF", {"preferCSSPageSize": True})["data"])
    assert pdf.startswith(b"%PDF-")
    assert pdf.count(b"/Type /Page\n") + pdf.count(b"/Type /Page/") + pdf.count(b"/Type /Page ") > 2
