"""Facial shapes carried over to a surface around the face."""

from __future__ import annotations

import numpy as np
from clothed_person import SkinnedBody, ball, joined, skinned_body, suit

from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.closest_point import closest_points
from rigging.face_shapes import transfer_face_shapes
from rigging.joints import JOINT_INDEX


def full_body() -> tuple[BodyModel, np.ndarray, np.ndarray]:
    model = BodyModel.load()
    rest = model.pose(BodyParameters()).vertices
    eyes = model.weights[:, [JOINT_INDEX["left_eye_smplhf"], JOINT_INDEX["right_eye_smplhf"]]].sum(axis=1) > 0.5
    return model, rest, model.faces[~eyes[model.faces].any(axis=1)]


def test_the_face_moves_as_the_bodys_and_nothing_else_does() -> None:
    model, rest, faces = full_body()
    garment = suit(0.004, 16000)
    shapes = transfer_face_shapes(garment.rest, garment.faces, rest, faces, model.face_units)
    assert {"jawOpen", "mouthSmileLeft", "eyeBlinkLeft", "eyeBlinkRight", "browInnerUp"} <= set(shapes)
    assert "tongueOut" not in shapes
    found = closest_points(garment.rest, rest, faces)
    for name in ("jawOpen", "mouthSmileLeft", "browInnerUp"):
        full = np.zeros_like(rest)
        indices, offsets = model.face_units[name]
        full[indices] = offsets
        expected = found.interpolate(faces, full)
        got = shapes[name]
        assert got.shape == garment.rest.shape and got.dtype == np.float32
        strongest = np.linalg.norm(expected, axis=1).max()
        assert 0.6 * strongest < np.linalg.norm(got, axis=1).max() < 1.1 * strongest
        moving = np.linalg.norm(expected, axis=1) > 0.3 * strongest
        assert np.linalg.norm(got - expected, axis=1)[moving].mean() < 0.25 * strongest
        neck = JOINT_INDEX["neck"]
        assert not got[garment.rest[:, 1] < model.pose(BodyParameters()).joints[neck, 1] - 0.05].any()


def test_left_shapes_move_the_left() -> None:
    model, rest, faces = full_body()
    garment = suit(0.004, 16000)
    shapes = transfer_face_shapes(garment.rest, garment.faces, rest, faces, model.face_units)
    for name in ("mouthSmile", "browDown", "eyeBlink"):
        left, right = (np.linalg.norm(shapes[name + side], axis=1) for side in ("Left", "Right"))
        assert garment.rest[left.argmax(), 0] > 0.0 > garment.rest[right.argmax(), 0]


def test_hair_and_hands_stay() -> None:
    model, rest, faces = full_body()
    body: SkinnedBody = skinned_body(BodyParameters())
    head = body.posed.joints[JOINT_INDEX["head"]]
    vertices, mesh_faces, (bun, hand) = joined(
        ball(head + [0.0, 0.05, 0.22], 0.05), ball(body.posed.joints[JOINT_INDEX["left_wrist"]], 0.05)
    )
    shapes = transfer_face_shapes(vertices, mesh_faces, rest, faces, model.face_units)
    for delta in shapes.values():
        assert not delta[hand].any()
        far = np.linalg.norm(vertices[bun] - head - [0.0, 0.05, 0.22], axis=1) > 0
        front = far & (vertices[bun][:, 2] > head[2] + 0.2)
        assert not delta[bun][front].any()


def test_no_shapes_no_work() -> None:
    _, rest, faces = full_body()
    garment = suit(0.004, 16000)
    assert transfer_face_shapes(garment.rest, garment.faces, rest, faces, {}) == {}
    nothing = {"still": (np.array([0]), np.zeros((1, 3)))}
    assert transfer_face_shapes(garment.rest, garment.faces, rest, faces, nothing) == {}
