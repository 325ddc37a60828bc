"""Files that appear whole or not at all."""

import os
from contextlib import suppress
from pathlib import Path

from brf_deploy.errors import InvalidInput


def write_whole(path: Path, data: bytes | memoryview) -> None:
    """Write `data` beside `path`, then rename; folders are made. Raises `InvalidInput` where that is impossible."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise InvalidInput(
            f"file '{path}': cannot be written ({error.strerror}); name a file in a folder that you may write to"
        ) from error
