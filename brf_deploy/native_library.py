"""The native libraries that installation compiles: the build that fits this processor, or why there is none."""

import ctypes
import sys
from functools import cache
from pathlib import Path

from brf_deploy.errors import Unavailable

# Entry points that say whether a wing's library is there: functions without arguments, as `native_detail` answers.
GROUP = "brf_deploy.native"
SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
REMEDY = "install a C++17 compiler (for example: apt install g++), then reinstall brf-deploy"


@cache
def load_native(stem: Path, version: int, level: int | None = None) -> ctypes.CDLL:
    """The library ``STEM-x86-64-vN`` with the highest N that this processor runs, or ``STEM-generic`` elsewhere.

    stem: path without level and suffix, as in the table of ``hatch_build.py``. version: what the library's
    ``brf_NAME_version`` must return, NAME being the last part of the stem. level: N to use instead of the highest.
    Raises `Unavailable` where it was not built, does not load, or is of another version.
    """
    baseline = _first(stem)
    best = int(_open(baseline).brf_cpu_level())
    path = _build(stem, best if level is None else level)
    library = _open(path)
    found = int(getattr(library, f"brf_{stem.name}_version")())
    if found != version:
        raise Unavailable(
            f"native library '{path.name}': version {found} found, {version} needed; it is older than the sources "
            "beside it: reinstall brf-deploy"
        )
    return library


def native_detail(stem: Path, version: int) -> tuple[bool, str]:
    """Whether the library is there, and which build of it, or how to get one; for `brf-deploy doctor`."""
    try:
        library = load_native(stem, version)
    except Unavailable as error:
        return False, str(error)
    return True, Path(library._name).name


def _first(stem: Path) -> Path:
    """The build that every processor of this kind runs."""
    for level in ("x86-64-v2", "generic"):
        path = stem.with_name(f"{stem.name}-{level}{SUFFIX}")
        if path.is_file():
            return path
    raise Unavailable(f"native library '{stem.name}' was not built when brf-deploy was installed; {REMEDY}")


def _build(stem: Path, level: int) -> Path:
    path = stem.with_name(f"{stem.name}-x86-64-v{level}{SUFFIX}")
    return path if level > 0 and path.is_file() else _first(stem)


def _open(path: Path) -> ctypes.CDLL:
    try:
        return ctypes.CDLL(str(path))
    except OSError as error:
        raise Unavailable(f"native library '{path.name}' does not load ({error}); {REMEDY}") from error
