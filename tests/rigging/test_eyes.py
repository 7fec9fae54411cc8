"""Painted eyes that turn: bones and look shapes agree, the surface stays closed, everything else stays as it is."""

from __future__ import annotations

import numpy as np
import pytest
from test_character import character
from test_expressions import body_morphs

from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.character import RiggedCharacter
from rigging.eyes import LOOKS, follows, with_turning_eyes
from rigging.joints import JOINT_INDEX
from rigging.normals import vertex_normals

EYES = {side: JOINT_INDEX[f"{side}_eye_smplhf"] for side in ("left", "right")}


def surface(split: bool) -> RiggedCharacter:
    """A coarse closed head-and-body around the open body, its eyes painted on; ``split`` cuts it along x = 30 mm."""
    from clothed_person import suit

    garment = suit(0.004, 6000)
    vertices, faces, weights = garment.rest, garment.faces, garment.weights.copy()
    weights[:, JOINT_INDEX["head"]] += weights[:, [*EYES.values()]].sum(axis=1)
    weights[:, [*EYES.values()]] = 0.0
    if split:  # a texture seam through the left eye
        beyond = vertices[faces].mean(axis=1)[:, 0] > 0.03
        faces = np.where(beyond[:, None], faces + len(vertices), faces)
        vertices, weights = np.concatenate([vertices] * 2), np.concatenate([weights] * 2)
        used, faces = np.unique(faces, return_inverse=True)
        vertices, weights, faces = vertices[used], weights[used], faces.reshape(-1, 3)
    _, first, group = np.unique(vertices, axis=0, return_index=True, return_inverse=True)
    normals = vertex_normals(vertices[first], group.ravel()[faces])[group.ravel()]
    model = BodyModel.load()
    blink = np.zeros((len(vertices), 3))
    blink[np.linalg.norm(vertices - model.pose().joints[EYES["left"]], axis=1) < 0.03, 1] = -0.004
    return character(
        vertices=vertices,
        faces=faces,
        uvs=vertices[:, :2],
        normals=normals,
        weights=weights,
        joints=model.pose().joints,
        morphs={"eyeBlinkLeft": blink},
    )


def open_edges(made: RiggedCharacter) -> int:
    """Edges of one face alone, vertices of one place being one."""
    _, group = np.unique(made.vertices, axis=0, return_inverse=True)
    faces = group.ravel()[made.faces]
    edges = np.sort(np.concatenate([faces[:, [0, 1]], faces[:, [1, 2]], faces[:, [2, 0]]]), axis=1)
    _, counts = np.unique(edges, axis=0, return_counts=True)
    return int((counts == 1).sum())


@pytest.fixture(scope="module", params=[False, True], ids=["whole", "seam"])
def pair(request: pytest.FixtureRequest) -> tuple[RiggedCharacter, RiggedCharacter]:
    before = surface(request.param)
    return before, with_turning_eyes(before)


def test_the_surface_is_the_same_only_finer(pair: tuple[RiggedCharacter, RiggedCharacter]) -> None:
    before, after = pair
    assert len(before.vertices) < len(after.vertices) < len(before.vertices) + 4000
    np.testing.assert_array_equal(after.vertices[: len(before.vertices)], before.vertices)
    assert open_edges(before) == open_edges(after)
    area = [
        np.linalg.norm(np.cross(*(m.vertices[m.faces[:, k]] - m.vertices[m.faces[:, 0]] for k in (1, 2))), axis=1).sum()
        for m in pair
    ]
    assert area[0] == pytest.approx(area[1], rel=1e-5)
    far = np.linalg.norm(before.vertices - before.joints[JOINT_INDEX["head"]], axis=1) > 0.2
    np.testing.assert_allclose(after.weights[: len(before.vertices)][far], before.weights[far], atol=1e-6)
    np.testing.assert_allclose(after.weights.sum(axis=1), 1.0, atol=1e-5)


def test_bones_and_shapes_turn_the_eyes_alike(pair: tuple[RiggedCharacter, RiggedCharacter]) -> None:
    _, after = pair
    rest = after.posed(BodyParameters())
    axes = {"In": (0.0, -1.0, 0.0), "Out": (0.0, 1.0, 0.0), "Up": (-1.0, 0.0, 0.0), "Down": (1.0, 0.0, 0.0)}
    for side, joint in EYES.items():
        pupil = after.vertices[:, 2] * (follows(after.vertices - after.joints[joint]) > 0.95)
        for look, degrees in LOOKS.items():
            axis = np.array(axes[look]) * (1.0 if side == "left" else (1.0, -1.0, 1.0))
            turned = BodyParameters().with_joint(f"{side}_eye_smplhf", np.radians(degrees) * axis)
            by_bone = after.posed(turned) - rest
            by_shape = after.posed(BodyParameters(), {f"eyeLook{look}{side.title()}": 1.0}) - rest
            np.testing.assert_allclose(by_bone, by_shape, atol=2e-5)
            slide = np.linalg.norm(by_bone, axis=1)
            assert 0.002 < slide.max() < 0.012 and slide[pupil.argmax()] > 0.5 * slide.max()
            direction = {"In": (-1, 0), "Out": (1, 0), "Up": (0, 1), "Down": (0, -1)}[look]
            sideways = direction[0] * (1 if side == "left" else -1), direction[1]
            assert by_bone[pupil.argmax(), :2] @ sideways > 0.0


def test_nothing_folds_at_a_full_look(pair: tuple[RiggedCharacter, RiggedCharacter]) -> None:
    _, after = pair
    for look in LOOKS:
        moved = after.posed(BodyParameters(), {f"eyeLook{look}Left": 1.0})
        near = follows(after.vertices - after.joints[EYES["left"]])[after.faces].any(axis=1)
        normals = [
            np.cross(
                p[after.faces[near, 1]] - p[after.faces[near, 0]], p[after.faces[near, 2]] - p[after.faces[near, 0]]
            )
            for p in (after.vertices.astype(np.float64), moved)
        ]
        sizes = np.linalg.norm(normals[0], axis=1) > 1e-8
        assert (np.einsum("ij,ij->i", *normals)[sizes] > 0.0).mean() > 0.97, look


def test_eyes_of_their_own_are_left_alone() -> None:
    model = BodyModel.load()
    vertices, joints = model.shaped(np.zeros(10))
    made = character(
        vertices=vertices,
        faces=model.faces,
        uvs=np.zeros((len(vertices), 2)),
        normals=vertex_normals(vertices, model.faces),
        weights=model.weights,
        joints=joints,
        morphs=body_morphs(),
    )
    assert with_turning_eyes(made) is made


def test_a_character_without_a_face_there_is_left_alone() -> None:
    before = surface(False)
    moved = before.joints.copy()
    moved[[*EYES.values()], 2] += 1.0
    away = character(
        **{name: getattr(before, name) for name in ("vertices", "faces", "uvs", "normals", "weights")},
        joints=moved,
        morphs={},
    )
    assert with_turning_eyes(away) is away
