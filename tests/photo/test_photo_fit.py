"""Fitting bodies to landmarks of bodies that are known; no network needed."""

import numpy as np
import pytest
import torch

from backend.photo.body import TorchBody, rodrigues
from backend.photo.crop import Square
from backend.photo.fit import BodyFitter, WeakPerspective
from backend.photo.landmarks import LANDMARK, Person
from backend.photo.prior import PATH, load_prior
from backend.photo.world import WorldPoints
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX

SIZE = 256


def person_of(body: BodyParameters, camera: WeakPerspective, hidden: tuple[str, ...] = ()) -> Person:
    """What perfect networks would see of a body."""
    layer = TorchBody(BodyModel.load(), torch.arange(1))
    pose = rodrigues(torch.from_numpy(body.full_pose).float())[None]
    joints, turned, _ = layer.joints(torch.from_numpy(body.betas).float()[None], pose)
    marks = load_prior().landmarks(joints, turned)[0].double().numpy()
    world = marks - marks[[LANDMARK["left_hip"], LANDMARK["right_hip"]]].mean(0)
    visibility = np.ones(33)
    visibility[[LANDMARK[name] for name in hidden]] = 0
    mask = np.zeros((SIZE, SIZE), np.float32)
    return Person(camera.to_pixels(marks), visibility, world, mask, Square(SIZE / 2, SIZE / 2, SIZE), 1.0)


def silhouette(body: BodyParameters, camera: WeakPerspective) -> np.ndarray:
    mask = np.zeros((SIZE, SIZE), np.float32)
    pixels = camera.to_pixels(BodyModel.load().pose(body).vertices).astype(int).clip(0, SIZE - 1)
    for dy in (-1, 0, 1):
        for dx in (-1, 0, 1):
            mask[(pixels[:, 1] + dy).clip(0, SIZE - 1), (pixels[:, 0] + dx).clip(0, SIZE - 1)] = 1
    return mask


@pytest.fixture(scope="module")
def fitter() -> BodyFitter:
    """One that trusts in world points, as they are perfect here."""
    return BodyFitter(BodyModel.load(), world_points=WorldPoints().eval())


CAMERA = WeakPerspective(125.0, 128.0, 240.0)


def test_a_known_pose_is_found_again(fitter: BodyFitter) -> None:
    body = BodyParameters.a_pose().with_joint("pelvis", (0, 0.5, 0)).with_joint("left_elbow", (0, -0.9, 0))
    fit = fitter(person_of(body, CAMERA), silhouette(body, CAMERA))
    model = BodyModel.load()
    ours, truth = model.pose(fit.parameters).joints[:22], model.pose(body).joints[:22]
    assert np.linalg.norm((ours - ours[0]) - (truth - truth[0]), axis=1).mean() < 0.03
    assert np.linalg.norm(fit.camera.to_pixels(ours) - CAMERA.to_pixels(truth), axis=1).mean() < 3
    assert fit.error < 0.01 and fit.confidence[:22].min() > 0.9


def test_a_misread_arm_is_told_by_the_places_in_space(fitter: BodyFitter) -> None:
    body = BodyParameters.a_pose().with_joint("pelvis", (0, 0.4, 0))
    person = person_of(body, CAMERA)
    for name in ("wrist", "thumb", "index", "pinky"):
        person.points[LANDMARK[f"right_{name}"], 0] += 60
    fit = fitter(person, silhouette(body, CAMERA))
    model = BodyModel.load()
    ours, truth = (j - j[0] for j in (model.pose(fit.parameters).joints, model.pose(body).joints))
    assert np.linalg.norm(ours - truth, axis=1)[JOINT_INDEX["right_wrist"]] < 0.1


def test_hidden_legs_stay_in_the_default_pose_and_say_so(fitter: BodyFitter) -> None:
    body = BodyParameters.a_pose().with_joint("left_knee", (1.2, 0, 0))
    legs = tuple(f"{side}_{part}" for side in ("left", "right") for part in ("knee", "ankle", "heel", "foot_index"))
    alpha = silhouette(body, CAMERA)
    alpha[150:] = 0
    fit = fitter(person_of(body, CAMERA, legs), alpha[:150])
    knees = [JOINT_INDEX["left_knee"], JOINT_INDEX["right_knee"]]
    assert fit.confidence[knees].max() == 0
    assert np.abs(fit.parameters.full_pose[knees] - BodyParameters.a_pose().full_pose[knees]).max() < 0.12


def test_the_camera_of_a_given_body(fitter: BodyFitter) -> None:
    body = BodyParameters.a_pose()
    fit = fitter.camera_of(person_of(body, CAMERA), body)
    assert abs(fit.camera.scale - CAMERA.scale) < 0.5
    assert abs(fit.camera.x0 - CAMERA.x0) < 0.5 and abs(fit.camera.y0 - CAMERA.y0) < 0.5


def test_the_prior_prefers_standing_to_contortion() -> None:
    prior = load_prior()
    standing = torch.from_numpy(BodyParameters.a_pose().body_pose).float()[None]
    odd = standing.clone()
    odd[0, 3] = torch.tensor([-1.5, 0.0, 0.0])  # a knee bent forwards
    assert prior.pose_energy(standing) < prior.pose_energy(odd)
    assert prior.beyond_limits(standing) == 0 < prior.beyond_limits(odd)
    assert PATH.stat().st_size < 100_000
