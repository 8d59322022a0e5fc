"""What identifies a trace: one text of its network, one checksum per array, one hash over both.

The same in memory and from a file, on any machine; docs/trace_format.md has the definitions.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import TypeAdapter, ValidationError

from accelsim.errors import TraceError
from accelsim.network import Network


def description(network: Network) -> dict[str, Any]:
    """The network as JSON values: numbers of numpy become Python's, tuples become lists.

    Fields without a value (None) are left out, so a network that does not use them is described as before
    there were such fields.
    """
    described = asdict(network)
    described["nodes"] = [{k: v for k, v in node.items() if v is not None} for node in described["nodes"]]
    for tensor in described["tensors"].values():
        tensor["scale"] = float(tensor["scale"])  # 1 and 1.0 are one scale
    values: dict[str, Any] = json.loads(canonical_text(described))
    return values


def network_of(described: object) -> Network:
    """The network of a description.

    Raises
    ------
    TraceError
        If the description is not one that `description` gives: a key is missing, unknown or of
        another type.
    """
    try:
        network = _adapter().validate_python(described)
        known = description(network)
    except (ValidationError, ValueError) as error:
        problems = error.errors() if isinstance(error, ValidationError) else []
        first = problems[0] if problems else {"loc": (), "msg": str(error)}
        where = ".".join(map(str, first["loc"])) or "network"
        raise TraceError(f"description of the network: {where}: {first['msg']}") from error
    if known != described:
        raise TraceError("description of the network: holds keys or types that this version does not know")
    return network


@cache
def _adapter() -> TypeAdapter[Network]:
    return TypeAdapter(Network)


def canonical_text(value: object) -> str:
    """JSON in ASCII, keys in order, without spaces; raises ValueError for NaN and infinities."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_python_number)


def _python_number(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"{type(value).__name__} is not JSON")


def checksum(array: npt.NDArray[Any]) -> str:
    """sha256 of ``int8[2,3]``, dtype and shape, followed by the values, little endian in C order."""
    digest = hashlib.sha256(f"{array.dtype.name}[{','.join(map(str, array.shape))}]".encode())
    digest.update(np.ascontiguousarray(array, array.dtype.newbyteorder("<")).data)
    return digest.hexdigest()


def content_hash(network: Network, checksums: Mapping[str, str]) -> str:
    """sha256 of the canonical text of the network and of the checksums by array name."""
    text = canonical_text({"network": description(network), "sha256": dict(checksums)})
    return hashlib.sha256(text.encode()).hexdigest()
