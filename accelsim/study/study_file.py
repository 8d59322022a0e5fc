"""A study as a YAML file: base chip, workloads, axes, constraints, objectives, sampler, budgets.

::

    name: pe-scaling
    base: both-skip-16x16                       # a shipped chip or a chip's file
    workloads: [results/pose-detection.safetensors]
    axes:
      - {key: pe_array.rows, values: [8, 16, 32]}
      - {keys: [dram.peak_gb_per_s, scratchpad.capacity_bytes], values: [[12.8, 524288], [25.6, 1048576]]}
      - {key: pe_array.lanes, log: {from: 1, to: 8, points: 4}, when: pe_array.rows <= 16}
    constraints: [scratchpad.capacity_bytes <= 1e6]
    objectives: [{minimise: cycles_mean}, {minimise: energy_uj_mean}]

Errors name the file, the line and the key; all are reported at once.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)

from accelsim.errors import InputError
from accelsim.hardware.source import MAX_BYTES, refuse_aliases_and_depth
from accelsim.plan import Objective as Objectives
from accelsim.study.conditions import condition
from accelsim.toggles import Toggling

Value = int | float | str | bool
Key = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$")]


def _condition(text: str) -> str:
    """A condition that can be read; a ValueError if not, which pydantic puts at its place."""
    try:
        condition(text)
    except InputError as error:
        raise ValueError(str(error)) from error
    return text


ConditionText = Annotated[str, AfterValidator(_condition)]
Places = dict[tuple[str | int, ...], int]


class StudyPart(BaseModel):
    """Base of all parts: frozen, no unknown keys, no silent conversions."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, populate_by_name=True)


class Range(StudyPart):
    """Values from `from` to `to`, both included."""

    first: float = Field(alias="from", allow_inf_nan=False)
    last: float = Field(alias="to", allow_inf_nan=False)
    points: Annotated[int, Field(ge=2, le=10**6)]


class Axis(StudyPart):
    """One key with its values, or several that change together; where `when` fails, the base has its own."""

    key: Key | None = None
    keys: tuple[Key, ...] | None = Field(default=None, strict=False)
    values: list[Any] | None = None
    linear: Range | None = None
    log: Range | None = None
    when: ConditionText | None = None

    @model_validator(mode="after")
    def _one_of_each(self) -> "Axis":
        if (self.key is None) == (self.keys is None):
            raise ValueError("an axis has either key or keys")
        if sum(part is not None for part in (self.values, self.linear, self.log)) != 1:
            raise ValueError("an axis has one of values, linear and log")
        if self.keys is not None and self.values is None:
            raise ValueError("linked keys have values: a list of their values for each step")
        if self.log is not None and min(self.log.first, self.log.last) <= 0:
            raise ValueError(
                f"log must run over positive numbers, not from {min(self.log.first, self.log.last):g}"
            )
        for value in self.values or ():
            many = value if self.keys is not None else [value]
            if not isinstance(many, list) or not all(isinstance(one, Value) for one in many):
                raise ValueError(f"values must be numbers and words, not {value!r}")
            if len(many) != len(self.names):
                raise ValueError(f"values of linked keys are lists of {len(self.names)}, not {value!r}")
        if self.values is not None and not self.values:
            raise ValueError("values must not be empty")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The keys that it changes."""
        return (self.key,) if self.key is not None else self.keys or ()

    def steps(self) -> list[dict[str, Value]]:
        """Values of its keys, step by step; a range of integers is rounded, equal steps once."""
        if self.values is not None:
            many = self.values if self.keys is not None else [[value] for value in self.values]
            return [dict(zip(self.names, step, strict=True)) for step in many]
        found = self.log or self.linear
        assert found is not None
        shares = (i / (found.points - 1) for i in range(found.points))
        if self.log is not None:
            values = [found.first * (found.last / found.first) ** share for share in shares]
        else:
            values = [found.first + (found.last - found.first) * share for share in shares]
        whole = found.first.is_integer() and found.last.is_integer()
        return [{self.names[0]: value} for value in dict.fromkeys(round(v) if whole else v for v in values)]


class Objective(StudyPart):
    """A figure to be made small, or large."""

    minimise: str | None = None
    maximise: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "Objective":
        if (self.minimise is None) == (self.maximise is None):
            raise ValueError("an objective has either minimise or maximise")
        return self

    @property
    def figure(self) -> str:
        """Name of the figure, a column of the store."""
        return str(self.minimise or self.maximise)


class Sampler(StudyPart):
    """How points are chosen: the whole grid, a Latin hypercube of it, or by optuna for the objectives."""

    kind: Literal["grid", "latin_hypercube", "optuna"] = "grid"
    points: Annotated[int, Field(ge=1, le=10**7)] | None = None
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0

    @model_validator(mode="after")
    def _points_where_not_all(self) -> "Sampler":
        if (self.points is None) != (self.kind == "grid"):
            raise ValueError("points belongs to latin_hypercube and optuna, which need it, and not to grid")
        return self


class Budgets(StudyPart):
    """Limits of a chip's figures: a point over one is recorded, and is not feasible."""

    area_mm2: float | None = Field(default=None, gt=0)
    power_mw: float | None = Field(default=None, gt=0)
    energy_uj: float | None = Field(default=None, gt=0)


def _word(value: Any) -> Any:
    """`off` without quotes is False in YAML."""
    return "off" if value is False else value


class MappingOptions(StudyPart):
    """How every point is mapped: as the options of `accelsim run`."""

    objective: Objectives = "cycles"
    between_layers: Literal["dram", "keep", "fuse"] = "dram"
    together: bool = False
    balance_filters: bool = False
    order_channels: bool = False
    skip_unsupported: bool = False
    toggles: Annotated[Toggling, BeforeValidator(_word)] = "sampled"
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0


class Keep(StudyPart):
    """What the store keeps of a point beside its figures."""

    layers: bool = True
    tiles: bool = False


class Study(StudyPart):
    """A study's file."""

    schema_version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    description: str = ""
    base: str
    set: dict[Key, Value] = Field(default_factory=dict)
    workloads: list[str] = Field(min_length=1)
    axes: list[Axis] = Field(default_factory=list)
    constraints: list[ConditionText] = Field(default_factory=list)
    objectives: list[Objective] = Field(default_factory=list)
    sampler: Sampler = Field(default_factory=Sampler)
    budgets: Budgets = Field(default_factory=Budgets)
    mapping: MappingOptions = Field(default_factory=MappingOptions)
    keep: Keep = Field(default_factory=Keep)
    reuse: bool = True

    @model_validator(mode="after")
    def _parts_fit(self) -> "Study":
        names = [name for axis in self.axes for name in axis.names]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"axes: {', '.join(twice)} has two axes")
        if self.sampler.kind == "optuna" and not self.objectives:
            raise ValueError("objectives must be given where the sampler is optuna")
        return self

    @property
    def axis_names(self) -> list[str]:
        """Every key that some axis changes."""
        return [name for axis in self.axes for name in axis.names]


def read_study(path: Path) -> tuple[Study, str]:
    """A study and the text of its file.

    Raises
    ------
    InputError
        With one line per error: `study.yaml:7: axes.0.log.points must be at least 2, not 1`.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot read the study: {error.strerror or error}") from error
    if len(content) > MAX_BYTES:
        raise InputError(f"{path}: a study's file has at most {MAX_BYTES} bytes, not {len(content)}")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text at byte {error.start}") from error
    return parse_study(text, str(path)), text


def parse_study(text: str, file: str) -> Study:
    """A study from its text; `file` is what messages call it. Raises as `read_study`."""
    try:
        refuse_aliases_and_depth(text, file)
        root = yaml.compose(text, yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise InputError(f"{file}:{mark.line + 1 if mark else 1}: not YAML: {error.problem}") from error
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"{file}: not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(root, yaml.MappingNode):
        raise InputError(f"{file}:1: a study must be a mapping of keys")
    places = dict(_places(root, ()))
    try:
        return Study.model_validate(values)
    except ValidationError as error:
        raise InputError("\n".join(_messages(error, file, places))) from error


def place(text: str, file: str, *where: str | int) -> str:
    """Where a key or an item of a study's text stands: `study.yaml:7`; its nearest parent if it does not."""
    root = yaml.compose(text, yaml.SafeLoader)
    places = {} if root is None else dict(_places(root, ()))
    return f"{file}:{_line(places, where)}"


def _line(places: Places, where: tuple[str | int, ...]) -> int:
    return next((places[where[:end]] for end in range(len(where), -1, -1) if where[:end] in places), 1)


def _places(node: yaml.Node, where: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], int]]:
    """The line of every key and item, from 1."""
    yield where, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _places(value, (*where, str(key.value)))
            yield (*where, str(key.value)), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield from _places(value, (*where, index))


def _messages(error: ValidationError, file: str, places: Places) -> list[str]:
    found = []
    for detail in error.errors(include_url=False):
        where = tuple(detail["loc"])
        line = _line(places, where)
        name = ".".join(map(str, where))
        kind, text = detail["type"], detail["msg"].removeprefix("Value error, ")
        if kind == "missing":
            told = f"missing key '{name}'"
        elif kind == "extra_forbidden":
            told = f"unknown key '{name}'"
        else:
            given = "" if kind == "value_error" else f", not {detail['input']!r}"
            told = f"{name}: {text}{given}".removeprefix(": ")
        found.append((line, f"{file}:{line}: {told}"))
    return [text for _, text in sorted(found)]
