"""Where the networks' data files are."""

from pathlib import Path


def workloads_folder() -> Path:
    """The folder of recipes and shapes, in an installed package or in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "_workloads"
    return installed if installed.is_dir() else package.parent / "workloads"
