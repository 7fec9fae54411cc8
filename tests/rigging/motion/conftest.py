"""The asset folder, where there is one."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def assets() -> Path:
    folder = os.environ.get("DOPPEL_ASSETS", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("DOPPEL_ASSETS does not name the asset folder (docs/assets.md)")
    return Path(folder)
