"""What every test may ask for."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("default", deadline=None, print_blob=True, derandomize=True)
settings.load_profile("default")

BESIDE_REPOSITORY = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The data directory: BRF_DATA, or the one beside the repository; skips with the reason where there is none."""
    root = Path(os.environ.get("BRF_DATA", BESIDE_REPOSITORY))
    if not root.is_dir():
        pytest.skip(f"no data directory at {root}: set BRF_DATA, or run `brf-deploy data fetch ecg checkpoints mnist`")
    return root
