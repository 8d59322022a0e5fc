"""A bill: counts of actions, and the lines that price them."""

from dataclasses import dataclass

from accelsim.draws import Line


@dataclass(frozen=True, slots=True)
class ActionCount:
    """How often a component did something; `unit` is what is counted (mac, access, bit, byte, cycle)."""

    component: str
    action: str
    count: int
    unit: str


@dataclass(frozen=True, slots=True)
class EnergyRow:
    """One row of the bill: count x pj_each = pj, with bounds and the source of the price.

    Prices of one `group` move together when they are drawn; `priced_by` is the table's file and line.
    """

    component: str
    action: str
    count: int
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
        low, middle, high = (pj / inputs for pj in (self.low_pj, self.pj, self.high_pj))
        return Line(layer, row, self.group or self.source, low, middle, high)
