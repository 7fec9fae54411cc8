"""Pictures for tests, and the mark of tests that need the networks."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image

from backend.data.catalogue import ENVIRONMENT_VARIABLE, Catalogue
from backend.photo.landmarks import Person, find_people, with_details
from backend.photo.networks import shared_networks, why_unavailable
from backend.photo.read import Photo, read_photo

Row = Callable[..., np.ndarray]
ASTRONAUT = Path(skimage.__file__).parent / "data" / "astronaut.png"  # Eileen Collins, NASA; public domain
PHOTOGRAPHER = ASTRONAUT.with_name("camera.png")  # "camera" by Lav Varshney; CC0


@pytest.fixture(scope="session")
def networks() -> None:
    """Skips where photos cannot be read."""
    if why_unavailable():
        pytest.skip(f"photos cannot be read here: {why_unavailable()}")


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    """The asset folder's, where there is one."""
    folder = os.environ.get(ENVIRONMENT_VARIABLE, "")
    if not folder or not Path(folder).is_dir():
        pytest.skip(f"{ENVIRONMENT_VARIABLE} does not name the asset folder (docs/assets.md)")
    return Catalogue.load(Path(folder), verify=False)


@pytest.fixture(scope="session")
def astronaut() -> Photo:
    if not ASTRONAUT.is_file():
        pytest.skip("scikit-image does not bring astronaut.png here")
    return read_photo(ASTRONAUT)


@pytest.fixture(scope="session")
def person(networks: None, astronaut: Photo) -> Person:
    """The astronaut's landmarks."""
    found = find_people(astronaut.rgb, shared_networks())
    assert len(found) == 1
    return with_details(astronaut.rgb, found[0], shared_networks())


@pytest.fixture
def nobody() -> np.ndarray:
    """A photo without people."""
    path = Path(skimage.__file__).parent / "data" / "coffee.png"
    return np.asarray(Image.open(path).convert("RGB"))


@pytest.fixture
def row_of_people(astronaut: Photo) -> Row:
    """Composes pictures of "astronaut", her "mirrored" image and "photographer", side by side."""

    def compose(*names: str) -> np.ndarray:
        pictures = {"astronaut": astronaut.rgb, "mirrored": astronaut.rgb[:, ::-1]}
        if "photographer" in names:
            if not PHOTOGRAPHER.is_file():
                pytest.skip("scikit-image does not bring camera.png here")
            pictures["photographer"] = np.asarray(Image.open(PHOTOGRAPHER).convert("RGB"))
        return np.ascontiguousarray(np.concatenate([pictures[name] for name in names], axis=1))

    return compose
