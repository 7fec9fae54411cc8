"""Other rest poses: the same character in the pose at generation, and joints that go along."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from clothed_person import random_poses
from test_character import assert_same, character

from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.character import CharacterError, RiggedCharacter
from rigging.gltf import read_glb, write_glb
from rigging.joints import JOINT_INDEX
from rigging.rest_pose import REST_POSES, with_rest


@pytest.fixture(scope="module")
def made() -> RiggedCharacter:
    return character()


@pytest.mark.parametrize("rest", REST_POSES)
def test_it_looks_as_generated(made: RiggedCharacter, rest: str) -> None:
    other = with_rest(made, rest)
    np.testing.assert_allclose(other.posed(), made.posed(), atol=1e-5)
    np.testing.assert_allclose(other.t_joints, made.joints, atol=1e-6)
    for params in random_poses(2, scale=0.2):
        gap = np.linalg.norm(other.posed(params) - made.posed(params), axis=1)
        assert np.percentile(gap, 95) < 0.01, "posed from another rest it is nearly the same"


def test_as_posed_is_the_mesh_as_it_was_made(made: RiggedCharacter) -> None:
    other = with_rest(made, "as-posed")
    np.testing.assert_allclose(other.vertices, made.posed(), atol=1e-5)


def test_the_a_pose_has_the_bodys_joints(made: RiggedCharacter) -> None:
    other = with_rest(made, "a")
    expected = BodyModel.load().pose(BodyParameters.a_pose(made.params.betas)).joints
    np.testing.assert_allclose(other.joints, expected, atol=1e-5)
    hand = JOINT_INDEX["left_wrist"]
    assert other.joints[hand, 1] < made.joints[hand, 1] - 0.2
    np.testing.assert_allclose(np.linalg.norm(other.normals, axis=1), 1.0, atol=1e-5)


def test_there_and_back(made: RiggedCharacter) -> None:
    back = with_rest(with_rest(made, "a"), "t")
    np.testing.assert_allclose(back.vertices, made.vertices, atol=1e-4)
    np.testing.assert_allclose(back.joints, made.joints, atol=1e-6)
    for name, delta in made.morphs.items():
        np.testing.assert_allclose(back.morphs[name], delta, atol=2e-3)


def test_files_keep_the_rest_pose(made: RiggedCharacter, tmp_path: Path) -> None:
    other = with_rest(made, "a")
    other.save_npz(tmp_path / "a.npz")
    assert_same(RiggedCharacter.load_npz(tmp_path / "a.npz"), other)
    write_glb(tmp_path / "a.glb", other)
    for again in (RiggedCharacter.load_npz(tmp_path / "a.npz"), read_glb(tmp_path / "a.glb")):
        np.testing.assert_allclose(again.rest_pose, other.rest_pose, atol=1e-12)


def test_errors_name_the_cause(made: RiggedCharacter) -> None:
    with pytest.raises(CharacterError, match="'x'; there are: t, a, as-posed"):
        with_rest(made, "x")
    with pytest.raises(CharacterError, match="55 finite rotations"):
        character(rest_pose=np.zeros((54, 3)))
