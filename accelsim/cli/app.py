"""The application object, and what every command shares: errors, exit codes, JSON, progress."""

import functools
import json
import math
import os
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar, get_args

import typer

from accelsim.errors import AccelsimError, InputError

if TYPE_CHECKING:
    import pandas as pd

    from accelsim.plan import Objective
    from accelsim.toggles import Toggling

P = ParamSpec("P")
R = TypeVar("R")

app = typer.Typer(
    name="accelsim",
    help="Cycles, stalls, traffic and energy of a sparse 8-bit MAC accelerator, exact for your own tensors.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog="Exit codes: 0 done, 1 the run failed, 2 the input is wrong, 130 interrupted.",
)
SKIP_UNSUPPORTED = typer.Option(
    False, "--skip-unsupported", help="run the layers that every chip can run, and list the others"
)
OBJECTIVE = typer.Option(
    "cycles", "--objective", help="what the mapper minimises: cycles, dram, energy, or edp (energy x cycles)"
)
TOGGLES = typer.Option(
    "sampled",
    "--toggles",
    help="bits that change in registers and on wires, which are priced: sampled (40 pieces of work of each "
    "layer), exact (all), or off (bits loaded and sent are priced in their place)",
)
JSON = typer.Option(False, "--json", help="machine-readable output, and nothing else on standard output")


def guarded(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors into a message on standard error and an exit code; no traceback for what we foresaw."""

    @functools.wraps(command)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except InputError as error:
            code, text = 2, f"error: {error}"
        except AccelsimError as error:
            code, text = 1, f"the run failed: {error}"
        except BrokenPipeError:  # the reader of our output has seen enough: `| head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except OSError as error:
            code, text = 1, f"the run failed: {error}"
        except MemoryError as error:
            code, text = 1, f"the run failed: out of memory: {error or 'no more to have'}"
        except KeyboardInterrupt as interrupt:
            code, text = 130, "interrupted" + (f"; {interrupt}" if str(interrupt) else "")
        print(text, file=sys.stderr)
        raise typer.Exit(code)

    return inner


def objective_of(text: str) -> "Objective":
    """What the mapper minimises; raises InputError if it is none of its words."""
    from accelsim.plan import Objective

    known: dict[str, Objective] = {name: name for name in get_args(Objective)}
    if text not in known:
        raise InputError(f"--objective must be one of {', '.join(known)}, not {text!r}")
    return known[text]


def toggling_of(text: str) -> "Toggling":
    """How toggles are counted; raises InputError if it is none of its words."""
    from accelsim.toggles import Toggling

    known: dict[str, Toggling] = {name: name for name in get_args(Toggling)}
    if text not in known:
        raise InputError(f"--toggles must be one of {', '.join(known)}, not {text!r}")
    return known[text]


def command_text(context: typer.Context, without: Sequence[str]) -> str:
    """The command as it was given: its arguments and options, but for those that change no figure."""
    words = ["accelsim", str(context.info_name)]
    for parameter in context.command.params:
        name = str(parameter.name)
        source = context.get_parameter_source(name)
        if name in without or source is None or source.name != "COMMANDLINE":
            continue
        given = context.params[name]
        for value in given if isinstance(given, list | tuple) else [given]:
            words += parameter.opts[:1] if parameter.param_type_name == "option" else []
            words += [] if isinstance(value, bool) else [str(value)]
    return shlex.join(words)


def show(document: Any) -> None:
    """Print a document as JSON; a value that is not a number becomes null."""
    print(json.dumps(_plain(document), indent=2, allow_nan=False))


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def wrapped(table: "pd.DataFrame", width: int = 160) -> str:
    """A table as text of at most `width` columns: headings in words, two decimals, a dash for nan."""
    from io import StringIO

    from rich import box
    from rich.console import Console
    from rich.table import Table

    drawn = Table(box=box.SIMPLE_HEAD, padding=0, show_edge=False)
    for name, column in table.items():
        number = column.dtype.kind in "iuf"
        drawn.add_column(
            str(name).replace("_percent", "_%").replace("_", " "), justify="right" if number else "left"
        )
    for row in table.itertuples(index=False):
        drawn.add_row(*(f"{v:.2f}".replace("nan", "-") if isinstance(v, float) else str(v) for v in row))
    file = StringIO()
    Console(file=file, width=width, no_color=True, force_terminal=False).print(drawn, markup=False)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


@contextmanager
def steps(description: str, total: int | None = None) -> Iterator[Callable[[str], None]]:
    """A progress bar on standard error; call the value with what was just done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(description, total=total)

        def done(what: str) -> None:
            bar.update(task, advance=1, description=f"{description}: {what}")

        yield done
