"""Files that appear whole or not at all."""

import os
import uuid
from pathlib import Path

from accelsim.errors import InputError


def check_folder(folder: Path) -> None:
    """Refuse a folder that files cannot be written to, before work is done for it; makes nothing.

    Raises
    ------
    InputError
        If it, or what its path begins with, is a file, or may not be written to.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if os.path.lexists(path))
    if not there.is_dir():
        raise InputError(f"{folder}: cannot be a folder of results: {there} is no folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{folder}: cannot be a folder of results: {there} may not be written to")


def write_whole(path: Path, content: bytes, error: type[InputError] = InputError) -> None:
    """Write a file so that readers find the old one or the new one, never a part.

    Raises
    ------
    InputError
        Of the kind `error`, if it cannot be written (no space, no permission, a file where a folder
        should be); names the path and how many bytes were needed.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(content)
        os.replace(part, path)
    except OSError as problem:
        why = problem.strerror or problem
        raise error(f"{path}: cannot write {len(content)} bytes: {why}") from problem
    finally:
        if part.parent.is_dir():
            part.unlink(missing_ok=True)
