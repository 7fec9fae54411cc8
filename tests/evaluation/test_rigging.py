"""The rigging evaluation: its poses do what their names say, its cases come back, its table is a table."""

from pathlib import Path

import numpy as np
import pytest

from backend.cli import main
from backend.evaluation.extreme_poses import EXTREME_POSES, extreme_pose
from backend.evaluation.rig_case import Bones, RigCase
from backend.evaluation.rigging import table
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX, PARENTS


def places(name: str) -> dict[str, np.ndarray]:
    joints = BodyModel.load().pose(extreme_pose(name)).joints
    return {joint: joints[index] for joint, index in JOINT_INDEX.items()}


def test_extreme_poses_do_what_they_say() -> None:
    assert len(EXTREME_POSES) == len(set(EXTREME_POSES)) == 20
    up, splits, knee, squat = (places(name) for name in ("arms up", "side splits", "high knee", "squat"))
    assert up["left_wrist"][1] > up["head"][1] and up["right_wrist"][1] > up["head"][1]
    assert splits["left_ankle"][0] - splits["right_ankle"][0] > 1.2
    assert knee["left_knee"][1] > knee["left_hip"][1] and knee["left_knee"][2] > 0.2
    assert squat["left_hip"][1] - squat["left_ankle"][1] < 0.5
    crossed = places("crossed arms")
    assert crossed["left_wrist"][2] > 0.15 and crossed["right_wrist"][2] > 0.15


def test_a_case_comes_back_from_its_file(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = rng.random((4, 55))
    case = RigCase(
        rng.random((4, 3)),
        np.array([[0, 1, 2], [1, 2, 3]]),
        weights / weights.sum(axis=1, keepdims=True),
        np.array([True, False, True, True]),
        BodyParameters.a_pose(np.linspace(-1, 1, 10)),
    )
    case.save(tmp_path / "case.npz")
    again = RigCase.load(tmp_path / "case.npz")
    for name in ("vertices", "faces", "known"):
        np.testing.assert_array_equal(getattr(again, name), getattr(case, name))
    np.testing.assert_allclose(again.weights, case.weights, atol=1e-6)
    assert again.params.to_dict() == case.params.to_dict()


def test_bones_have_length_and_begin_at_their_joints() -> None:
    body = BodyModel.load().pose(BodyParameters.a_pose())
    bones = Bones.of(body, PARENTS)
    np.testing.assert_array_equal(bones.heads, body.joints)
    assert np.linalg.norm(bones.tails - bones.heads, axis=1).min() >= 0.005
    knee, ankle = JOINT_INDEX["left_knee"], JOINT_INDEX["left_ankle"]
    np.testing.assert_allclose(bones.tails[knee], body.joints[ankle])


def test_the_table_has_means_and_leaves_out_what_was_not_measured() -> None:
    figures = {"rmse": 0.5, "p95": 1.0, "stretched": 0.1}
    rows = [{"ours": figures | {"seconds": 1.0}, "truth": figures}, {"ours": figures | {"rmse": 1.5}, "truth": figures}]
    lines = table(rows).splitlines()
    assert lines[2] == "| ours | 1.00 | 1.00 | 1.00 | 0.100 |  |" and lines[3].startswith("| truth | 0.50 |")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [(["--people", "0"], "--people"), (["--assets", "/nowhere"], "no asset folder at /nowhere")],
)
def test_bad_input_is_one_line(arguments: list[str], words: str, capsys, tmp_path: Path) -> None:
    assert main(["eval", "rigging", *arguments, "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and words in error and not (tmp_path / "out").exists()
