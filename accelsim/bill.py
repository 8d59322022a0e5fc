"""A bill: counts of actions, and the lines that price them."""

from typing import NamedTuple

from accelsim.draws import Line


class ActionCount(NamedTuple):
    """How often a component did something; `unit` is what is counted (mac, access, bit, byte, cycle)."""

    component: str
    action: str
    count: int  # type: ignore[assignment]  # of actions: what a tuple counts nobody asks
    unit: str


class EnergyRow(NamedTuple):
    """One row of the bill: count x pj_each = pj, with bounds and the source of the price.

    Prices of one `group` move together when they are drawn; `priced_by` is the table's file and line.
    """

    component: str
    action: str
    count: int  # type: ignore[assignment]  # of actions: what a tuple counts nobody asks
    unit: str
    pj_each: float
    pj: float
    low_pj: float
    high_pj: float
    source: str
    group: str = ""
    priced_by: str = ""

    def line(self, layer: int, inputs: int = 1) -> Line:
        """The row as `draws` takes it, under the number of its layer, divided by a number of inputs."""
        row = f"{self.component} {self.action} {self.priced_by}"
        group = self.group or self.source
        return Line(layer, row, group, self.low_pj / inputs, self.pj / inputs, self.high_pj / inputs)
