"""The data directory: where datasets and published checkpoints lie, and the error when one does not."""

import os
from pathlib import Path

from brf_deploy.errors import MissingData

ENVIRONMENT_VARIABLE = "BRF_DATA"


def data_root(option: Path | None) -> Path | None:
    """The data directory: the option where given, else the environment variable BRF_DATA, else None."""
    found = str(option) if option is not None else os.environ.get(ENVIRONMENT_VARIABLE)
    return Path(found).expanduser() if found else None


def require_file(data: Path | None, relative: str, dataset: str) -> Path:
    """The path of a file of the data directory; raises `MissingData` saying how to get it where it is not there."""
    fetch = f"brf-deploy data fetch {dataset}"
    if data is None:
        raise MissingData(
            f"dataset '{dataset}': {relative} is needed and no data directory is set; name one with --data DIR or "
            f"the environment variable {ENVIRONMENT_VARIABLE}, and fill it with: {fetch} --data DIR"
        )
    path = data / relative
    if not path.is_file():
        raise MissingData(
            f"dataset '{dataset}': no file {relative} in the data directory '{data}'; get it with: {fetch} --data "
            f"'{data}', or name another directory with --data DIR or the environment variable {ENVIRONMENT_VARIABLE}"
        )
    return path
