import json
import math

import numpy as np
import pytest

from rigging.body_parameters import BodyParameterError, BodyParameters
from rigging.joints import JOINT_INDEX, MIRROR


def random_parameters(seed: int = 0) -> BodyParameters:
    rng = np.random.default_rng(seed)
    return BodyParameters.from_full_pose(
        0.3 * rng.normal(size=(55, 3)),
        betas=rng.normal(size=10),
        expression=rng.normal(size=10),
        transl=rng.normal(size=3),
    )


def assert_same(first: BodyParameters, second: BodyParameters) -> None:
    np.testing.assert_array_equal(first.full_pose, second.full_pose)
    for name in ("betas", "expression", "transl"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))


def test_json_round_trip_is_exact():
    parameters = random_parameters()
    assert_same(BodyParameters.from_dict(json.loads(json.dumps(parameters.to_dict()))), parameters)


def test_full_pose_order():
    parameters = BodyParameters(jaw_pose=[1, 2, 3], left_hand_pose=np.arange(45) / 100)
    assert parameters.full_pose.shape == (55, 3)
    np.testing.assert_array_equal(parameters.full_pose[JOINT_INDEX["jaw"]], [1, 2, 3])
    np.testing.assert_allclose(parameters.full_pose[JOINT_INDEX["left_index2"]], [0.03, 0.04, 0.05])


def test_with_joint_changes_a_copy():
    parameters = random_parameters()
    changed = parameters.with_joint("right_eye_smplhf", (0.1, 0.2, 0.3))
    np.testing.assert_array_equal(changed.reye_pose, [0.1, 0.2, 0.3])
    assert not np.array_equal(parameters.reye_pose, changed.reye_pose)
    changed.betas[0] = 4
    assert parameters.betas[0] != 4


def test_copy_is_independent_and_inputs_are_not_aliased():
    betas = np.ones(10)
    parameters = BodyParameters(betas=betas)
    betas[0] = 3
    parameters.copy().betas[1] = 3
    np.testing.assert_array_equal(parameters.betas, np.ones(10))


def test_a_pose_is_mirrored_and_within_its_description():
    pose = BodyParameters.a_pose().full_pose
    np.testing.assert_allclose(pose[MIRROR] * (1, -1, -1), pose, atol=1e-12)
    arm = pose[JOINT_INDEX["left_collar"], 2] + pose[JOINT_INDEX["left_shoulder"], 2]
    assert math.degrees(arm) == pytest.approx(-50)
    assert BodyParameters.a_pose(np.full(10, 0.5)).betas[3] == 0.5


def test_pose_and_semantic_keys():
    parameters = BodyParameters.from_dict(
        {"body_pose": [[0.1, 0, 0]] * 21, "pose": {"left_elbow": [0, 0, 0.5]}, "semantic": {"height_cm": 182}}
    )
    np.testing.assert_array_equal(parameters.full_pose[JOINT_INDEX["left_elbow"]], [0, 0, 0.5])
    np.testing.assert_array_equal(parameters.full_pose[JOINT_INDEX["left_knee"]], [0.1, 0, 0])
    assert np.abs(parameters.betas).max() > 0.1


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"beta": [0] * 10}, "Unknown body parameter 'beta'"),
        ({"betas": [0] * 9}, "betas must have 10 numbers, got 9"),
        ({"betas": ["a"] * 10}, "betas must be numbers"),
        ({"betas": [[0, 1], [2]]}, "betas must be numbers"),
        ({"betas": ["1"] * 10}, "betas must be numbers"),
        ({"transl": [True, False, True]}, "transl must be numbers"),
        ({"betas": [6] + [0] * 9}, "betas must lie within"),
        ({"transl": [0, math.nan, 0]}, "transl has a number that is not finite"),
        ({"transl": [0, math.inf, 0]}, "not finite"),
        ({"global_orient": [7, 0, 0]}, "the most is 2 pi"),
        ({"pose": {"elbow": [0, 0, 0]}}, "Unknown joint 'elbow'"),
        ({"pose": {"left_elbow": [0, 0]}}, "pose of left_elbow must have 3 numbers"),
        ({"pose": [1, 2]}, "'pose' must map"),
        ({"pose": {"left_elbow": None}}, "pose of left_elbow must"),
        ({"semantic": {"height_cm": 300}}, "height_cm must lie in 140..210 cm"),
        ({"semantic": {}, "betas": [0] * 10}, "not both"),
        ({"format": "other"}, "not a body file"),
        ({"version": 99}, "version 99 is not supported"),
        ([], "must be a JSON object"),
    ],
)
def test_invalid_documents_are_refused_in_one_line(document, message):
    with pytest.raises(BodyParameterError) as caught:
        BodyParameters.from_dict(document)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rotation_of_two_pi_is_allowed():
    assert BodyParameters(global_orient=[2 * math.pi, 0, 0]).global_orient[0] > 6


def test_wrong_full_pose_shape():
    with pytest.raises(BodyParameterError, match=r"\(55, 3\)"):
        BodyParameters.from_full_pose(np.zeros((52, 3)))
