"""The command line; the only part that prints."""

from accelsim.cli.main import main

__all__ = ["main"]
