"""The change of axes, poses in bones' frames, mirroring."""

import numpy as np
import pytest
from doppel_extension.blender_addon.core import axes, pose
from doppel_extension.blender_addon.core.limbs import BODY_JOINTS, BODY_MIRROR, LIMBS, label, short_label
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rigging.lbs import rodrigues

vectors = arrays(np.float64, 3, elements=st.floats(-1.7, 1.7))


def random_frame(seed: int) -> np.ndarray:
    frame, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return frame * np.sign(np.linalg.det(frame))


def test_up_and_forward() -> None:
    assert np.allclose(axes.to_blender((0.0, 1.0, 0.0)), (0.0, 0.0, 1.0))  # up
    assert np.allclose(axes.to_blender((0.0, 0.0, 1.0)), (0.0, -1.0, 0.0))  # the way the person looks
    assert np.allclose(axes.to_blender((1.0, 0.0, 0.0)), (1.0, 0.0, 0.0))  # the person's left
    assert np.linalg.det(axes.Y_UP_TO_Z_UP) == pytest.approx(1.0)
    points = np.random.default_rng(0).normal(size=(7, 3))
    assert np.allclose(axes.to_body(axes.to_blender(points)), points)


@settings(deadline=None, max_examples=50)
@given(vectors, st.integers(0, 10_000))
def test_bone_rotation_is_the_conjugated_matrix(axis_angle: np.ndarray, seed: int) -> None:
    rest = random_frame(seed)
    change = axes.Y_UP_TO_Z_UP
    wanted = rest.T @ change @ rodrigues(axis_angle)[0] @ change.T @ rest
    assert np.allclose(rodrigues(pose.to_bone(axis_angle, rest))[0], wanted, atol=1e-9)
    assert np.allclose(pose.from_bone(pose.to_bone(axis_angle, rest), rest), axis_angle)


@settings(deadline=None, max_examples=50)
@given(vectors)
def test_quaternions_and_back(axis_angle: np.ndarray) -> None:
    quaternion = pose.quaternion(axis_angle)
    assert np.linalg.norm(quaternion) == pytest.approx(1.0)
    assert np.allclose(rodrigues(pose.rotation_vector(quaternion)), rodrigues(axis_angle), atol=1e-9)
    assert np.allclose(pose.rotation_vector(-quaternion), pose.rotation_vector(quaternion), atol=1e-6)
    if np.linalg.norm(axis_angle) < 3.1:
        assert np.allclose(pose.rotation_vector(quaternion), axis_angle, atol=1e-9)


def test_tiny_rotations_keep_their_direction() -> None:
    assert np.allclose(pose.rotation_vector(pose.quaternion((0.0, 1e-14, 0.0))), (0.0, 1e-14, 0.0), atol=1e-20)


def test_mirroring_turns_the_body_over() -> None:
    generator = np.random.default_rng(1)
    before = generator.normal(size=(21, 3))
    swapped = pose.mirror_pose(before, BODY_MIRROR)
    reflection = np.diag([-1.0, 1.0, 1.0])
    left, right = BODY_JOINTS.index("left_elbow"), BODY_JOINTS.index("right_elbow")
    reflected = reflection @ rodrigues(before[left])[0] @ reflection
    assert np.allclose(rodrigues(swapped[right])[0], reflected)
    assert np.allclose(pose.mirror_pose(swapped, BODY_MIRROR), before)


@pytest.mark.parametrize(("keep", "kept", "written"), [("left", "left", "right"), ("right", "right", "left")])
def test_copying_one_side(keep: str, kept: str, written: str) -> None:
    before = np.random.default_rng(2).normal(size=(21, 3))
    after = pose.mirror_pose(before, BODY_MIRROR, keep)
    for index, joint in enumerate(BODY_JOINTS):
        if joint.startswith(written):
            assert np.allclose(after[index], before[BODY_MIRROR[index]] * (1.0, -1.0, -1.0))
        else:
            assert np.array_equal(after[index], before[index]), joint
    with pytest.raises(ValueError, match="keep must be"):
        pose.mirror_pose(before, BODY_MIRROR, kept + "!")


def test_limbs_hold_each_joint_once() -> None:
    listed = [joint for _, joints in LIMBS for joint in joints]
    assert sorted(listed) == sorted(BODY_JOINTS)
    assert label("left_shoulder") == "Left Shoulder" and short_label("left_shoulder") == "Shoulder"
    assert label("spine3") == short_label("spine3") == "Chest"
