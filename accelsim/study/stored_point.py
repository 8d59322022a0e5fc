"""A row of the store as settings of its study: SQLite knows neither booleans nor which axes were off."""

from collections.abc import Mapping
from typing import Any

from accelsim.errors import InputError
from accelsim.study.conditions import condition
from accelsim.study.samplers import Point as Settings
from accelsim.study.space import Space


def settings_of(space: Space, row: Mapping[str, Any]) -> Settings:
    """The settings of a stored point, axis by axis as the samplers give them, with the file's own values.

    Raises
    ------
    InputError
        If the row has values that the study's axes have not.
    """
    settings: Settings = {}
    for axis in space.study.axes:
        if axis.when is not None and not condition(axis.when).holds(space.values_of(settings)):
            continue
        wanted = {name: row[name] for name in axis.names}
        step = next((step for step in axis.steps() if step == wanted), None)
        if step is None:
            raise InputError(f"point {row['number']}: {wanted} is no step of the study's axis")
        settings |= step
    return settings
