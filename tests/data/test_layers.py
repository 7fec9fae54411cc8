"""Clothes over clothes."""

import numpy as np

from backend.data.catalogue import Catalogue
from backend.data.hm08 import BODY_VERTICES, load_hm08
from backend.data.layers import tuck_under


def _sphere(radius: float) -> tuple[np.ndarray, np.ndarray]:
    from scipy.spatial import ConvexHull

    points = np.random.default_rng(0).normal(size=(1500, 3))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return points * radius, ConvexHull(points).simplices.astype(np.int32)


def test_what_stands_out_is_brought_in_and_nothing_else() -> None:
    body, _ = _sphere(0.20)
    outer, faces = _sphere(0.23)
    half = outer[:, 1] > 0.0
    cover = faces[half[faces].all(axis=1)]
    inner, _ = _sphere(0.24)
    tucked = tuck_under(inner, outer, cover, body)
    radius = np.linalg.norm(tucked, axis=1)
    under, beyond = inner[:, 1] > 0.05, inner[:, 1] < -0.05
    assert (radius[under] < 0.2285).all() and (radius[under] > 0.2).all()
    assert np.allclose(tucked[beyond], inner[beyond])
    low, _ = _sphere(0.21)
    assert np.allclose(tuck_under(low, outer, cover, body), low)


def test_shirt_goes_under_the_coat(catalogue: Catalogue) -> None:
    base = load_hm08().v_template
    coat, shirt = catalogue.garment("Coat"), catalogue.garment("short_tail_camo_tee")
    outer, inner, body = coat.fit(base), shirt.fit(base), base[:BODY_VERTICES]
    tucked = tuck_under(inner, outer, coat.faces, body)
    moved = np.linalg.norm(tucked - inner, axis=1)
    assert 0.3 < (moved > 1e-6).mean() and moved.max() < 0.08
    assert np.isfinite(tucked).all()
