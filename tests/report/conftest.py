"""Both test folders build their results with one module."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "plots"))
