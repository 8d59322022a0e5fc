"""Which targets of `make` `.ci/run` runs, and what pages name that it does not."""

import re

from docs_blocks import ROOT

STEP = re.compile(r'^\s*(?:step "[^"]*" make(?: --?[\w-]+)*|target "[^"]*") ([a-z-]+)', re.MULTILINE)
RULE = re.compile(r"^([a-z-]+):(.*)\n((?:\t.*\n)*)", re.MULTILINE)
# Targets that pages name and `.ci/run` does not run as they stand: why, and what runs in their place.
NOT_IN_CI = {
    "train": "minutes, and writes workloads/; `make train-test` runs the same code on fewer rounds",
    "docs-update": "tests/docs calls its `update` on a page; docs-test compares all with what it would write",
}


def targets() -> dict[str, set[str]]:
    """Each target of the Makefile, with those that it makes first or calls."""
    found = {}
    for name, before, recipe in RULE.findall((ROOT / "Makefile").read_text()):
        found[name] = {*before.split(), *re.findall(r"\$\(MAKE\) --no-print-directory ([a-z-]+)", recipe)}
    return found


def targets_of_ci() -> set[str]:
    """The targets that `.ci/run` runs, with those that these run."""
    known = targets()
    found, left = set(), set(STEP.findall((ROOT / ".ci" / "run").read_text()))
    while left:
        name = left.pop()
        found.add(name)
        left |= (known[name] & set(known)) - found
    return found


def elsewhere(line: str) -> bool:
    """Whether a line is `.ci/run`, or a target of `make` that is not for `tools/docs_run.py` to run."""
    words = line.split()
    if words[0] == ".ci/run":
        return True
    return words[0] == "make" and (words[1] in targets_of_ci() or words[1] in NOT_IN_CI)
