"""The one decorator of all numba kernels, and a cache that notices edits of shared kernels.

numba's own cache looks only at the file of the kernel it compiles: an edit of a kernel that this
one calls would return the old answer. So before anything is compiled the cache folder is named
after a hash of the sources of every file that holds kernels and of numba's version.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

_KERNEL_FOLDERS = ("kernels", "dataflows", "datapath", "formats", "machine", "mapper", "compress", "trace")


def source_hash(package: Path) -> str:
    """Hash of this file and of every file in the folders that may hold kernels."""
    digest = hashlib.sha256()
    for path in sorted(
        [package / "jit.py", *(p for f in _KERNEL_FOLDERS for p in (package / f).rglob("*.py"))]
    ):
        digest.update(path.relative_to(package).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _cache_folder() -> Path:
    """Name and make the cache folder of this state of the kernels; remove those of older states."""
    from importlib.metadata import version

    root = Path(platformdirs.user_cache_dir("accelsim")) / "kernels"
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    name = f"{source_hash(Path(__file__).parent)}-numba{version('numba')}-py{python}"
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    os.utime(folder)
    kept = sorted(root.iterdir(), key=lambda p: p.stat().st_mtime if p.exists() else 0.0, reverse=True)
    for old in kept[4:]:  # a few states: branches, Python versions, concurrent runs
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _configure() -> None:
    # An explicit NUMBA_CACHE_DIR wins: bounds-checked test runs keep a cache of their own.
    if "NUMBA_CACHE_DIR" not in os.environ:
        try:
            os.environ["NUMBA_CACHE_DIR"] = str(_cache_folder())
        except OSError:
            return  # a read-only home: numba falls back to its own choice


_configure()

import numba  # noqa: E402  (the cache folder must be set before numba reads its configuration)
from llvmlite import ir  # noqa: E402
from numba.core import types  # noqa: E402
from numba.extending import intrinsic, overload  # noqa: E402

numba.config.reload_config()


def kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compile with numba: cached, without the GIL, with numpy's error model."""
    return numba.njit(cache=True, nogil=True, error_model="numpy")(function)  # type: ignore[no-any-return]


def bare_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """A kernel that makes no arrays: without counting of references, which costs as much as a short call.

    It calls bare kernels only.
    """
    options = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False}
    return numba.njit(**options)(function)  # type: ignore[no-any-return]


def inlined_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """A bare kernel copied into its callers: a call that hands an array over costs as much as ten loads."""
    options = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False, "forceinline": True}
    return numba.njit(**options)(function)  # type: ignore[no-any-return]


def merged_kernel(function: Callable[..., Any]) -> Callable[..., Any]:
    """A bare kernel that is compiled as a part of its callers alone, best of one.

    A kernel that is called is optimised anew with each kernel above it: long ones at the top of a tree of
    calls would cost seconds each time.
    """
    options = {"cache": True, "nogil": True, "error_model": "numpy", "_nrt": False, "inline": "always"}
    return numba.njit(**options)(function)  # type: ignore[no-any-return]


def popcount(word: Any) -> int:
    """Bits set in an unsigned 64-bit word; in kernels it is LLVM's ctpop and vectorises."""
    return int(word).bit_count()


@intrinsic  # type: ignore[untyped-decorator]
def _ctpop(typing_context: Any, word: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        function = builder.module.declare_intrinsic("llvm.ctpop", [ir.IntType(64)])
        return builder.call(function, arguments)

    return types.int64(types.uint64), codegen


@overload(popcount, inline="always")  # type: ignore[untyped-decorator]
def _popcount_overload(word: Any) -> Any:
    def compiled(word: Any) -> Any:
        return _ctpop(word)

    return compiled
