"""Visemes and emotions from ARKit shapes."""

from __future__ import annotations

import numpy as np

from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.expressions import OPTIONAL, VISEMES, VRM_PRESETS, usable, with_visemes
from rigging.joints import JOINT_INDEX
from rigging.parts import PART_INDEX


def body_morphs() -> dict[str, np.ndarray]:
    model = BodyModel.load()
    morphs = {}
    for name, (indices, offsets) in model.face_units.items():
        morphs[name] = np.zeros((len(model.v_template), 3), np.float32)
        morphs[name][indices] = offsets
    return morphs


def test_recipes_name_shapes_that_exist() -> None:
    known = set(BodyModel.load().face_units)
    for recipes in (VISEMES, VRM_PRESETS):
        for name, recipe in recipes.items():
            assert set(recipe) <= known, name
            assert all(0.0 < strength <= 1.0 for strength in recipe.values())


def test_visemes_are_sums_of_shapes() -> None:
    morphs = body_morphs()
    complete = with_visemes(morphs)
    assert list(complete)[: len(morphs)] == list(morphs) and len(complete) == len(morphs) + 14
    expected = 0.4 * morphs["jawOpen"] + 0.6 * morphs["mouthFunnel"]
    np.testing.assert_allclose(complete["viseme_O"], expected, atol=1e-7)
    assert complete["viseme_O"].dtype == np.float32
    assert with_visemes(complete).keys() == complete.keys()  # nothing twice
    assert not complete["viseme_PP"][BodyModel.load().v_template[:, 1] < 1.3].any()


def test_a_face_without_the_shapes_gets_no_viseme() -> None:
    morphs = body_morphs()
    assert with_visemes({"mouthSmileLeft": morphs["mouthSmileLeft"]}).keys() == {"mouthSmileLeft"}
    del morphs["tongueOut"]
    complete = with_visemes(morphs)
    assert "viseme_TH" in complete and OPTIONAL == {"tongueOut"}
    assert usable({"jawOpen": 0.5, "tongueOut": 0.2}, morphs) == {"jawOpen": 0.5}
    assert usable({"jawOpen": 0.5, "mouthFunnel": 0.2}, ["jawOpen"]) is None


def test_the_jaw_bone_agrees_with_jaw_open() -> None:
    """Turning the jaw by 23 degrees opens the mouth as the shape: 4.6 mm off on the face where that moves 16 mm."""
    model = BodyModel.load()
    shape = body_morphs()["jawOpen"]
    turned = BodyParameters().with_joint("jaw", [np.radians(23.0), 0.0, 0.0])
    bone = model.pose(turned).vertices - model.pose().vertices
    face = (model.part_ids == PART_INDEX["head"]) & (
        np.linalg.norm(shape, axis=1) + np.linalg.norm(bone, axis=1) > 2e-3
    )
    off, size = (np.sqrt((delta[face] ** 2).sum(axis=1).mean()) for delta in (bone - shape, shape))
    assert off < 0.33 * size and size > 0.01


def test_the_eye_bones_agree_with_the_look_shapes() -> None:
    """The shapes turn what is seen of the eyeballs about the eye joints, by the angles below."""
    model = BodyModel.load()
    shapes, rest = body_morphs(), model.pose()
    centre = rest.joints[JOINT_INDEX["left_eye_smplhf"]]
    seen = (model.part_ids == PART_INDEX["left_eye"]) & (rest.vertices[:, 2] > centre[2] + 0.008)
    turns = {
        "LookInLeft": (0, -21, 0),
        "LookOutLeft": (0, 20, 0),
        "LookUpLeft": (-10, 0, 0),
        "LookDownLeft": (17, 0, 0),
    }
    for name, degrees in turns.items():
        turned = BodyParameters().with_joint("left_eye_smplhf", np.radians(degrees))
        bone = (model.pose(turned).vertices - rest.vertices)[seen]
        off, size = (np.linalg.norm(delta, axis=1).mean() for delta in (bone - shapes[f"eye{name}"][seen], bone))
        assert off < 0.3 * size, name
