import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pandas as pd
import pytest
from results_by_hand import result

from accelsim import plots
from accelsim.plots.save import csv_bytes


def test_equal_pictures_are_equal_bytes(tmp_path):
    for name in ("a", "b"):
        run = result()
        for picture in ("cycles", "energy", "roofline", "timeline"):
            data = getattr(plots, f"{picture}_table")(run)
            plots.save(getattr(plots, picture)(run), tmp_path / name / picture, data)
    files = sorted(p.name for p in (tmp_path / "a").iterdir())
    assert len(files) == 8
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_a_picture_is_a_vector_file_with_its_data_beside_it(tmp_path):
    run = result()
    picture, data = plots.save(plots.cycles(run), tmp_path / "v1.5", plots.cycles_table(run))
    assert (picture.name, data.name) == ("v1.5.svg", "v1.5.csv")
    root = ET.parse(picture).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert not root.findall(".//{http://www.w3.org/2000/svg}image")
    pd.testing.assert_frame_equal(pd.read_csv(data), plots.cycles_table(run), check_dtype=False, rtol=1e-11)


@pytest.mark.small
def test_csv_has_twelve_digits_lf_and_empty_for_nan():
    table = pd.DataFrame({"name": ["a,b", "µ"], "value": [0.1 + 0.2, math.nan], "count": [2**60, 1]})
    assert csv_bytes(table) == 'name,value,count\n"a,b",0.3,1152921504606846976\nµ,,1\n'.encode()


@pytest.mark.parametrize("module", ["accelsim.plots", "accelsim.report"])
def test_importing_draws_in_no_heavy_library(module):
    heavy = "{'matplotlib', 'pandas', 'numba', 'simpy', 'rich', 'onnx'}"
    code = f"import sys, {module}; print(*sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_drawing_leaves_pyplot_and_its_settings_alone(tmp_path):
    code = """
import sys
import matplotlib
from results_by_hand import result
from accelsim import plots
before, run = matplotlib.rcParams.copy(), result()
for draw in (plots.cycles, plots.energy, plots.roofline, plots.timeline):
    plots.save(draw(run), sys.argv[1] + "/picture", run.layers)
assert matplotlib.rcParams.copy() == before
assert "matplotlib.pyplot" not in sys.modules
"""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, env=environment
    )
    assert (done.returncode, done.stderr) == (0, "")
