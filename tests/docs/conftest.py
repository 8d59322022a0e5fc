"""The processor time of each page, printed at the end."""

import pytest

SPENT: dict[str, float] = {}


@pytest.fixture(scope="session")
def spent() -> dict[str, float]:
    return SPENT


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for name, seconds in sorted(SPENT.items(), key=lambda item: -item[1]):
        terminalreporter.write_line(f"{seconds:6.1f} s of CPU: {name}")
    if SPENT:
        terminalreporter.write_line(f"{sum(SPENT.values()):6.1f} s of CPU: all")
