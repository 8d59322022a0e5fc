"""The command-line reference, made from what `accelsim ... --help` prints: docs/conf.py calls it at build."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

HEAD = """# Commands

What `--help` prints; exit codes are 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted.
"""


def commands() -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every command with the words that call it, the application itself first."""
    from accelsim.cli.main import app

    def below(words: tuple[str, ...], command: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
        yield words, command
        for name, inner in getattr(command, "commands", {}).items():
            yield from below((*words, name), inner)

    yield from below(("accelsim",), typer.main.get_command(app))


def help_of(words: tuple[str, ...], command: Any) -> str:
    """What `--help` prints, 100 columns wide."""
    context = command.context_class(
        command, info_name=" ".join(words), max_content_width=100, terminal_width=100
    )
    return command.get_help(context)


def write_commands(path: Path) -> None:
    """Write the page of all commands."""
    parts = [HEAD]
    for words, command in commands():
        level = "#" * min(len(words) + 1, 3)
        parts.append(f"{level} {' '.join(words)}\n\n```text\n{help_of(words, command)}\n```\n")
    write_if_changed(path, "\n".join(parts))


def write_if_changed(path: Path, text: str) -> None:
    """An equal file is left alone: Sphinx need not read it again."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
