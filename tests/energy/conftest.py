from collections.abc import Callable

import pytest

from accelsim.tables import COUNTERS, TRAFFIC

Totals = Callable[..., dict[str, int]]


@pytest.fixture
def totals() -> Totals:
    """A layer's totals: every column 0 but those given."""

    def make(**columns: int) -> dict[str, int]:
        return dict.fromkeys((*COUNTERS, *TRAFFIC, "cycles"), 0) | columns

    return make
