"""Layers and tiles are drawn as for the twins of the dataflows."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "dataflows"))
