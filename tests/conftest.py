"""What every test may ask for."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("default")

BESIDE_REPOSITORY = Path(__file__).resolve().parents[2] / "shared" / "data"
# Set by `.ci/run`, which installs every program that tests need: one that is absent is then a failure.
STRICT = "BRF_REQUIRE_TOOLS"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The data directory: BRF_DATA, or the one beside the repository; skips with the reason where there is none."""
    root = Path(os.environ.get("BRF_DATA", BESIDE_REPOSITORY))
    if not root.is_dir():
        pytest.skip(f"no data directory at {root}: set BRF_DATA, or run `brf-deploy data fetch ecg checkpoints mnist`")
    return root


def pytest_runtest_setup(item: pytest.Item) -> None:
    """The marker ``needs(program, ...)``: skip where a program is absent, fail where all were promised."""
    for mark in item.iter_markers("needs"):
        absent = [program for program in mark.args if shutil.which(program) is None]
        if absent:
            give_up = pytest.fail if os.environ.get(STRICT) == "1" else pytest.skip
            give_up(f"not installed: {', '.join(absent)}; `make tools` installs them on Debian, as root")
