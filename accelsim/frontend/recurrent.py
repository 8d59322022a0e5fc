"""LSTM, GRU and RNN nodes of a float ONNX graph, unrolled into products that the array runs.

::

    XW  = X W^T + biases                         # all time steps at once: rows that share the weights
    for t in time order:
        HR = H R^T                               # the same R at every step; none while H is still zero
        LSTM: i, o, f, g = XW[t] + HR            # then one function: sigmoids, tanh, products
              C = sigmoid(f) * C + sigmoid(i) * tanh(g);    H = sigmoid(o) * tanh(C)
        GRU:  z, r, h    = XW[t] + HR            # h's product reads r * H, or is multiplied by r after it
              H = (1 - z) * tanh(h) + z * H
        RNN:  H = tanh(XW[t] + HR)

Gates and their order as in the ONNX operators' definitions (opsets 7 to 22). Products and biases are
quantised like every other layer; C and the gates stay in float, inside of functions of the postprocessor.
"""

from typing import Any, NamedTuple

import numpy as np

from accelsim.errors import ImportedModelError
from accelsim.frontend.geometry import attributes_of

_GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}
_ACTIVATIONS = {"LSTM": ("sigmoid", "tanh", "tanh"), "GRU": ("sigmoid", "tanh"), "RNN": ("tanh",)}
_DIRECTIONS = {"forward": (False,), "reverse": (True,), "bidirectional": (False, True)}
# Inputs by their places; an LSTM has the last two as well.
_INPUTS = ("x", "w", "r", "biases", "lengths", "first_hidden", "first_cell", "peepholes")


class _Recurrence(NamedTuple):
    """A node's sizes, constants, and what it starts from; weights per direction, as ONNX has them."""

    kind: str
    steps: int
    batch: int
    hidden: int
    backwards: tuple[bool, ...]
    reset_after: bool
    w: Any
    r: Any
    biases: Any
    given: dict[str, str]


class _Writer:
    """Collects the nodes and constants that one node becomes."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[Any] = []
        self.constants: list[Any] = []

    def constant(self, name: str, array: Any) -> str:
        from onnx import numpy_helper

        self.constants.append(numpy_helper.from_array(np.asarray(array, order="C"), f"{self.prefix}/{name}"))
        return f"{self.prefix}/{name}"

    def node(self, name: str, kind: str, *read: str, **attributes: Any) -> str:
        from onnx import helper

        name = f"{self.prefix}/{name}"
        self.nodes.append(helper.make_node(kind, list(read), [f"{name}/out"], name=name, **attributes))
        return f"{name}/out"


def unroll(model: Any, shapes: dict[str, tuple[int, ...]], label: str) -> list[str]:
    """Replace every recurrent node of a float model, in place; the names of their Y, whose axis 0 is time.

    Parameters
    ----------
    shapes : of every tensor that is known, by name
    label : what errors call the model

    Raises
    ------
    ImportedModelError
        If a node has an attribute or an input that is not supported, or its sizes are not known.
    """
    from onnx import numpy_helper

    graph = model.graph
    held = {value.name: value for value in graph.initializer}
    taken: set[str] = set()
    found: list[str] = []
    for index, node in enumerate(list(graph.node)):
        if node.op_type not in _GATES:
            continue
        name = node.name if node.name and node.name not in taken else f"{node.op_type.lower()}{index}"
        taken.add(name)
        constants = {k: numpy_helper.to_array(held[k]) for k in node.input if k in held}
        one = _recurrence(node, f"{label}: node {name!r}", constants, shapes)
        writer = _Writer(name)
        _outputs(writer, node, one, [_direction(writer, one, d) for d in range(len(one.backwards))])
        place = list(graph.node).index(node)
        for offset, new in enumerate(writer.nodes):
            graph.node.insert(place + offset, new)
        graph.node.remove(node)
        graph.initializer.extend(writer.constants)
        found.append(node.output[0])
    return found


def _recurrence(
    node: Any, where: str, constants: dict[str, Any], shapes: dict[str, tuple[int, ...]]
) -> _Recurrence:
    kind, attributes = node.op_type, attributes_of(node)
    given = {part: read for part, read in zip(_INPUTS, node.input, strict=False) if read}
    direction = attributes.get("direction", b"forward").decode()
    count = len(_DIRECTIONS.get(direction, ()))
    functions = tuple(f.decode().lower() for f in attributes.get("activations", ()))
    size = shapes.get(given["x"], ())
    refused = {
        f"direction {direction!r}": count == 0,
        "layout 1": attributes.get("layout", 0) != 0,
        "clip": "clip" in attributes,
        "input_forget": attributes.get("input_forget", 0) != 0,
        f"activations {', '.join(functions)}": functions not in ((), _ACTIVATIONS[kind] * count),
        "activation_alpha or activation_beta": bool(
            {"activation_alpha", "activation_beta"} & set(attributes)
        ),
        "peepholes (input P)": "peepholes" in given,
        "weights or biases that are no constants": any(
            part in given and given[part] not in constants for part in ("w", "r", "biases")
        ),
        "an input whose sizes are not fixed": len(size) != 3 or not all(size),
    }
    for what, wrong in refused.items():
        if wrong:
            raise ImportedModelError(f"{where}: {kind} with {what} is not supported")
    if "lengths" in given and np.any(constants.get(given["lengths"], 0) != size[0]):
        why = f"sequence lengths other than the {size[0]} steps of its input"
        raise ImportedModelError(f"{where}: {kind} with {why} are not supported")
    w, r = constants[given["w"]], constants[given["r"]]
    biases = constants[given["biases"]] if "biases" in given else np.zeros((count, 2 * w.shape[1]), w.dtype)
    for part in ("first_hidden", "first_cell"):  # zeros are what it starts from anyway
        if part in given and given[part] in constants and not constants[given[part]].any():
            del given[part]
    return _Recurrence(
        kind=kind,
        steps=size[0],
        batch=size[1],
        hidden=r.shape[2],
        backwards=_DIRECTIONS[direction],
        reset_after=bool(attributes.get("linear_before_reset", 0)),
        w=w,
        r=r,
        biases=biases,
        given=given,
    )


def _direction(to: _Writer, one: _Recurrence, d: int) -> tuple[list[str], str]:
    """Names of H at every step, and of the last C (an LSTM's)."""
    part = ("backward/" if one.backwards[d] else "forward/") if len(one.backwards) > 1 else ""
    bias, recurrent = np.split(one.biases[d].copy(), 2)
    if one.reset_after and one.kind == "GRU":
        bias[: 2 * one.hidden] += recurrent[: 2 * one.hidden]  # the rest is multiplied by r
    else:
        bias += recurrent
    rows = to.node(f"{part}rows", "Transpose", one.given["x"], perm=[1, 0, 2])
    products = to.node(f"{part}x", "MatMul", rows, to.constant(f"{part}W", one.w[d].T))
    products = to.node(f"{part}x_bias", "Add", products, to.constant(f"{part}B", bias))
    state = {
        key: to.node(f"{part}{key}", "Gather", one.given[key], to.constant(f"{part}{key}_d", d), axis=0)
        for key in ("first_hidden", "first_cell")
        if key in one.given
    }
    hidden, cell = state.get("first_hidden", ""), state.get("first_cell", "")
    r = one.r[d]
    weights = {"R": r}
    if one.kind == "GRU" and not one.reset_after:
        weights = {"R": r[: 2 * one.hidden], "Rh": r[2 * one.hidden :]}
    constants = {name: to.constant(f"{part}{name}", array.T) for name, array in weights.items()}
    if one.kind == "GRU":
        constants["Rbh"] = to.constant(f"{part}Rbh", recurrent[2 * one.hidden :])
        constants["one"] = to.constant(f"{part}one", np.ones((), r.dtype))
    found: list[str] = []
    times = range(one.steps)[::-1] if one.backwards[d] else range(one.steps)
    for t in times:
        step = _Step(to, f"{part}step{t}", one.hidden, constants)
        x = to.node(f"{part}step{t}/x", "Gather", products, to.constant(f"{part}step{t}/t", t), axis=1)
        if one.kind == "LSTM":
            hidden, cell = step.lstm(x, hidden, cell)
        elif one.kind == "GRU":
            hidden = step.gru(x, hidden, one.reset_after)
        else:
            hidden = step.node("hidden", "Tanh", step.plus_product("gates", x, hidden, "R"))
        found.append(hidden)
    return (found[::-1] if one.backwards[d] else found), cell


class _Step:
    """One time step of one direction; an empty name is a tensor of zeros."""

    def __init__(self, to: _Writer, prefix: str, hidden: int, constants: dict[str, str]) -> None:
        self.to = to
        self.prefix = prefix
        self.hidden = hidden
        self.constants = constants

    def node(self, name: str, kind: str, *read: str, **attributes: Any) -> str:
        return self.to.node(f"{self.prefix}/{name}", kind, *read, **attributes)

    def plus_product(self, name: str, x: str, hidden: str, weights: str) -> str:
        """x + hidden R^T. A Sum, as an Add would be quantised."""
        return self.node(name, "Sum", x, self.product(hidden, weights)) if hidden else x

    def product(self, hidden: str, weights: str) -> str:
        """The layer of this step. A MatMul, as onnxruntime fuses a Gemm and the Sum after it."""
        return self.node("h" if weights == "R" else "reset_h", "MatMul", hidden, self.constants[weights])

    def gates(self, name: str, read: str, first: int, count: int = 1) -> str:
        """Some of the gates in a tensor of several."""
        ends = {"from": first * self.hidden, "to": (first + count) * self.hidden, "axis": 1}
        made = [
            self.to.constant(f"{self.prefix}/{name}/{k}", np.array([v], np.int64)) for k, v in ends.items()
        ]
        return self.node(f"{name}/slice", "Slice", read, *made)

    def gate(self, name: str, read: str, place: int, kind: str = "Sigmoid") -> str:
        return self.node(name, kind, self.gates(name, read, place))

    def lstm(self, x: str, hidden: str, cell: str) -> tuple[str, str]:
        """The next H and C; ONNX has the gates in the order i, o, f, c."""
        gates = self.plus_product("gates", x, hidden, "R")
        new = self.node("new", "Mul", self.gate("i", gates, 0), self.gate("g", gates, 3, "Tanh"))
        if cell:
            new = self.node("cell", "Sum", self.node("kept", "Mul", self.gate("f", gates, 2), cell), new)
        return self.node("hidden", "Mul", self.gate("o", gates, 1), self.node("squashed", "Tanh", new)), new

    def gru(self, x: str, hidden: str, reset_after: bool) -> str:
        """The next H; ONNX has the gates in the order z, r, h."""
        x_h = self.gates("x_h", x, 2)
        if reset_after:
            product = self.product(hidden, "R") if hidden else ""
            x_zr, h_zr = (
                self.gates(k, read, 0, 2) if read else "" for k, read in (("x_zr", x), ("h_zr", product))
            )
            zr = self.node("zr", "Sum", x_zr, h_zr) if hidden else x_zr
            h = self.constants["Rbh"]
            h = self.node("h_h_bias", "Sum", self.gates("h_h", product, 2), h) if hidden else h
            new = self.node("h_new", "Sum", x_h, self.node("reset", "Mul", self.gate("r", zr, 1), h))
        else:
            zr = self.plus_product("zr", self.gates("x_zr", x, 0, 2), hidden, "R")
            new = x_h
            if hidden:
                reset = self.node("reset", "Mul", self.gate("r", zr, 1), hidden)
                new = self.node("h_new", "Sum", x_h, self.product(reset, "Rh"))
        z = self.gate("z", zr, 0)
        rest = self.node("rest", "Sub", self.constants["one"], z)
        new = self.node("new", "Mul", rest, self.node("squashed", "Tanh", new))
        return self.node("hidden", "Sum", self.node("kept", "Mul", z, hidden), new) if hidden else new


def _outputs(to: _Writer, node: Any, one: _Recurrence, done: list[tuple[list[str], str]]) -> None:
    """Y, steps x directions x N x H, and the last H and C, directions x N x H: those that are named."""
    from onnx import helper

    everything = [found[t] for t in range(one.steps) for found, _ in done]
    ends = [found[0] if back else found[-1] for (found, _), back in zip(done, one.backwards, strict=True)]
    wanted = [everything, ends, [cell for _, cell in done]]
    for name, parts, sizes in zip(
        node.output, wanted, ((one.steps, len(done)), (len(done),), (len(done),)), strict=False
    ):
        if not name:
            continue
        joined = to.node(f"{name}/rows", "Concat", *parts, axis=0) if len(parts) > 1 else parts[0]
        shape = to.constant(f"{name}/shape", np.array([*sizes, one.batch, one.hidden], np.int64))
        to.nodes.append(helper.make_node("Reshape", [joined, shape], [name], name=f"{to.prefix}/{name}"))
