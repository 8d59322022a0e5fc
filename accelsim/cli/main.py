"""Entry point: commands are registered on import."""

import typer

from accelsim.cli import (
    compressing,
    energies,
    explore,
    importing,
    inputs,
    mapping,
    memory,
    reports,
    runs,
    studies,
    study,
    workloads,
)
from accelsim.cli.app import app
from accelsim.version import VERSION

__all__ = [
    "compressing",
    "energies",
    "explore",
    "importing",
    "inputs",
    "main",
    "mapping",
    "memory",
    "reports",
    "runs",
    "studies",
    "study",
    "workloads",
]


def _version(wanted: bool) -> None:
    if wanted:
        print(f"accelsim {VERSION}")
        raise typer.Exit


@app.callback()
def root(
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="print the version"
    ),
) -> None:
    """Run compressed layer traces on accelerators described by YAML files."""


def main() -> None:
    """Run the command line."""
    app()
