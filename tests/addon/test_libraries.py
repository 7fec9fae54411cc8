"""What the panel offers ready-made: hands, faces, poses, styles, quality, remedies."""

import numpy as np
import pytest
from doppel_extension.blender_addon.core import body, expression, hands, poses, quality, remedies, styles
from doppel_extension.blender_addon.core.limbs import BODY_JOINTS, BODY_MIRROR
from doppel_extension.blender_addon.core.pose import mirror_pose, multiply, quaternion, rotation_vector
from doppel_extension.rigging.body_parameters import BodyParameters


def test_relaxed_hands_are_the_a_poses() -> None:
    a_pose = BodyParameters.a_pose()
    relaxed = dict.fromkeys(hands.CURLS, hands.RELAXED)
    assert np.allclose(hands.hand_pose("left", relaxed), a_pose.left_hand_pose)
    assert np.allclose(hands.hand_pose("right", relaxed), a_pose.right_hand_pose)
    assert not hands.hand_pose("left", {}).any()


@pytest.mark.parametrize("name", hands.PRESETS)
def test_curls_can_be_read_back_from_a_hand(name: str) -> None:
    curls = {f"{side}_{f}": c for side in hands.SIDES for f, c in zip(hands.FINGERS, hands.PRESETS[name], strict=True)}
    curls["left_index"] = 0.1
    again = hands.curls_of(hands.hand_pose("left", curls), hands.hand_pose("right", curls))
    assert again == pytest.approx(curls, abs=1e-6)


def test_a_fist_brings_the_fingertips_to_the_palm() -> None:
    def reach(curl: float) -> float:
        joints = body.model().pose(body.parameters((0.0,) * 10, {}, dict.fromkeys(hands.CURLS, curl))).joints
        return float(np.linalg.norm(joints[27] - joints[20]))  # left_index3 from left_wrist

    assert reach(1.0) < 0.75 * reach(0.0)


def test_every_unit_moves_the_face() -> None:
    names = list(body.model().face_units)
    assert set(expression.UNITS) <= set(names)
    still = body.model().pose(BodyParameters()).vertices
    for unit in expression.UNITS:
        moved = body.model().pose(BodyParameters(expression=expression.coefficients({unit: 1.0}))).vertices
        assert np.abs(moved - still).max() > 1e-3, unit
    assert not expression.coefficients({}).any()
    for units, jaw in expression.PRESETS.values():
        assert set(units) <= set(expression.UNITS) and 0.0 <= jaw <= 1.0
    assert expression.label("mouthSmileLeft") == "Mouth Smile Left"


def test_poses_stand_or_sit_as_they_say() -> None:
    for name in poses.POSES:
        assert np.linalg.norm(poses.body_pose(name), axis=1).max() < np.pi, name
    assert np.array_equal(poses.body_pose("A-Pose"), BodyParameters.a_pose().body_pose)
    assert not poses.body_pose("T-Pose").any()
    raised, sitting = (posed(name) for name in ("Arms Raised", "Sitting"))
    assert raised["left_wrist"][1] > raised["head"][1]
    assert sitting["left_knee"][2] - sitting["left_hip"][2] > 0.3  # the thighs point forward
    waving = posed("Waving")
    assert waving["right_wrist"][1] > waving["right_shoulder"][1] > waving["left_wrist"][1]
    for name in ("Standing", "Sitting", "Hands on Hips", "Arms Raised"):
        assert np.allclose(mirror_pose(poses.body_pose(name), BODY_MIRROR), poses.body_pose(name), atol=1e-6), name


def posed(name: str) -> dict[str, np.ndarray]:
    pose = dict(zip(BODY_JOINTS, poses.body_pose(name), strict=True))
    joints = body.model().pose(body.parameters((0.0,) * 10, pose, {})).joints
    return dict(zip(("pelvis", *BODY_JOINTS), joints, strict=False))


def test_quaternions_multiply_as_rotations() -> None:
    first, second = (0.5 * np.pi, 0.0, 0.0), (0.0, 0.0, 0.5 * np.pi)  # together x -> y -> z -> x
    turn = rotation_vector(multiply(quaternion(second), quaternion(first)))
    assert np.allclose(turn, np.full(3, 2 * np.pi / 3) / np.sqrt(3))


def test_styles_replace_the_clothes() -> None:
    assert styles.dressed("a tall woman in a red dress with long hair", "Sport").startswith("a tall woman wearing red")
    assert styles.dressed("  a man wearing a suit, hat", "Beach") == "a man wearing blue swimsuit, barefoot"
    assert styles.dressed("", "Casual").startswith("a person wearing")
    assert "wearing" not in styles.dressed("a man", "Casual").replace("wearing", "", 1)


def test_quality_presets() -> None:
    for name, settings in quality.QUALITIES.items():
        assert quality.quality_of(*settings) == name
    assert quality.quality_of(7, 1234, 512) == quality.CUSTOM
    settings = quality.QUALITIES["BEST"]
    seen = [settings]
    for _ in range(4):
        settings = quality.lighter(*settings)
        assert settings.triangles < seen[-1].triangles and settings.texture_size <= seen[-1].texture_size
        seen.append(settings)
    assert seen[1] == quality.QUALITIES["STANDARD"] and seen[2] == quality.QUALITIES["FAST"]


def test_memory_errors_can_be_mended_by_a_button() -> None:
    assert [remedy.operator for remedy in remedies.remedies("out_of_memory")] == [
        "doppel.free_memory",
        "doppel.lower_quality",
    ]
    assert remedies.remedies("of no known kind") == ()
