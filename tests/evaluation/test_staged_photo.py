"""Staged photos: the picture, the joints and the surface are of the same person, seen by the same camera."""

import os
from pathlib import Path

import numpy as np
import pytest

from backend.data.catalogue import Catalogue
from backend.evaluation.staged_photo import Camera, Stage


def test_picture_joints_and_surface_agree() -> None:
    if "DOPPEL_ASSETS" not in os.environ:
        pytest.skip("DOPPEL_ASSETS names no asset folder")
    stage = Stage(Catalogue.load(Path(os.environ["DOPPEL_ASSETS"]), verify=False), seed=3, held_out=True)
    staged = stage.take(0, size=192, camera=Camera(0.6, 0.2, 4.0, (0.1, 0.0), 2.4))
    surface = staged.person.surface
    metres = staged.person.frame.to_world(surface.points / staged.person.centimetres)
    for points, least in ((staged.joints[:22], 0.9), (metres, 0.93)):
        x, y = staged.to_pixels(points).astype(int).T
        assert (staged.mask[y, x] > 0.1).mean() >= least
    assert np.linalg.norm(staged.joints[0]) < 1e-9, "about the pelvis"
    low, high = metres.min(0), metres.max(0)
    assert (low < staged.joints[:22].min(0) + 0.03).all() and (high > staged.joints[:22].max(0) - 0.03).all()
