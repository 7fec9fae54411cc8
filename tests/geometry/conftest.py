"""The capsule person as a mesh, made once."""

from __future__ import annotations

import numpy as np
import pytest
from capsule_person import person_sdf

from backend.geometry.extract import extract_surface
from backend.geometry.simplify import simplify, smooth


@pytest.fixture(scope="session")
def person_mesh() -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) in view space and faces (F, 3), about 12,000."""
    vertices, faces = extract_surface(person_sdf, 128)
    return simplify(smooth(vertices, faces, 2), faces, 12_000)
