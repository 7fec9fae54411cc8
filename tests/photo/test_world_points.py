"""Landmarks in space, corrected."""

from dataclasses import replace

import numpy as np
import torch

from backend.data.catalogue import Catalogue
from backend.evaluation.staged_photo import Camera, Stage
from backend.photo.crop import Square
from backend.photo.fit import BodyFitter
from backend.photo.landmarks import LANDMARK, OTHER_SIDE, Person, find_people, with_details
from backend.photo.networks import shared_networks
from backend.photo.world import WorldPoints, features_of, load_world_points, locate, mirrored
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters

FITTER = BodyFitter(BodyModel.load())
HIPS = [LANDMARK["left_hip"], LANDMARK["right_hip"]]


def person(yaw: float, read_as: float) -> Person:
    """Somebody turned by ``yaw`` radians whom the pose network takes to be turned by ``read_as``."""

    def marks(angle: float) -> np.ndarray:
        points = FITTER.landmarks_of(BodyParameters.a_pose().with_joint("pelvis", (0, angle, 0)))
        return points - points[HIPS].mean(0)

    pixels = marks(yaw)[:, :2] * (200, -200) + 256
    square = Square(256, 256, 512)
    return Person(pixels, np.ones(33), marks(read_as), np.ones((256, 256), np.float32), square, 1.0)


def test_features_depend_on_neither_place_nor_size_in_the_picture() -> None:
    someone = person(0.4, 0.3)
    features, world = features_of(someone.points, someone.world, someone.visibility)
    moved, _ = features_of(someone.points * 3 + (40, -7), someone.world + 0.2, someone.visibility)
    assert np.allclose(features, moved) and np.allclose(world[HIPS].mean(0), 0)


def test_a_network_that_was_taught_nothing_changes_nothing() -> None:
    someone = person(0.4, 0.3)
    found, error = locate(someone, WorldPoints().eval())
    assert np.allclose(found.numpy(), someone.world, atol=1e-6)
    assert error.shape == (33,) and torch.allclose(error, torch.tensor(-2.5).exp())


def test_points_of_staged_people_come_nearer_to_the_truth(catalogue: Catalogue, networks: None) -> None:
    stage = Stage(catalogue, seed=77, held_out=True)
    before, after = [], []
    for index, yaw in enumerate((-0.8, 0.4, 0.8)):
        staged = stage.take(index, camera=Camera(yaw, 0.15, 4.0, (0.0, 0.0), 2.4))
        seen = with_details(staged.rgb, find_people(staged.rgb, shared_networks())[0], shared_networks())
        truth = FITTER.landmarks_of(staged.body)
        found, _ = locate(seen, load_world_points())
        for points, errors in ((seen.world, before), (found.numpy(), after)):
            apart = points - points[HIPS].mean(0) - truth + truth[HIPS].mean(0)
            errors.append(float(np.linalg.norm(apart, axis=1).mean()))
    assert np.mean(after) < 0.75 * np.mean(before)


def test_mirror_images_are_located_as_mirror_images() -> None:
    someone = person(0.5, 0.2)
    points, world, visibility = mirrored(someone.points, someone.world, someone.visibility)
    found, error = locate(someone, load_world_points())
    other, same = locate(replace(someone, points=points, world=world, visibility=visibility), load_world_points())
    assert torch.allclose(other[OTHER_SIDE] * torch.tensor([-1.0, 1, 1]), found, atol=1e-5)
    assert torch.allclose(same[OTHER_SIDE], error, atol=1e-5)
