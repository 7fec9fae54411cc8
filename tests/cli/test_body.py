import json

import numpy as np
import pytest

from backend.cli import main
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX


def read(path) -> BodyParameters:
    return BodyParameters.from_dict(json.loads(path.read_text(encoding="utf-8")))


def test_sliders_and_pose_are_written_and_read_back(tmp_path, capsys):
    out = tmp_path / "new" / "body.json"
    sliders = "--height-cm 182 --gender 0.8 --age 40 --weight 0.6 --muscle 0.4".split()
    poses = ["--pose", "left_elbow=0,-0.5,0", "--pose", "jaw=0.1,0,0"]
    assert main(["body", *sliders, *poses, "--out", str(out)]) == 0
    body = read(out)
    np.testing.assert_array_equal(body.full_pose[JOINT_INDEX["left_elbow"]], [0, -0.5, 0])
    np.testing.assert_array_equal(body.jaw_pose, [0.1, 0, 0])
    assert BodyModel.load().height(body.betas) == pytest.approx(1.82, abs=0.001)
    assert "height_cm 182" in capsys.readouterr().out
    assert [path.name for path in out.parent.iterdir()] == ["body.json"]


def test_betas_and_a_pose(tmp_path):
    out = tmp_path / "body.json"
    assert main(["body", "--betas=-1,0.5", "--rest", "a", "--out", str(out)]) == 0
    body = read(out)
    np.testing.assert_array_equal(body.betas, [-1, 0.5] + [0] * 8)
    np.testing.assert_array_equal(body.full_pose, BodyParameters.a_pose().full_pose)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--age", "12"], "age must lie in 18..90 years"),
        (["--betas=1", "--age", "30"], "both set the shape"),
        (["--betas=1,b"], "not a list of numbers"),
        (["--betas=" + ",".join("1" * 11)], "there are 10 betas"),
        (["--pose", "left_elbow"], "has no '='"),
        (["--pose", "elbow=0,0,0"], "Unknown joint 'elbow'"),
        (["--pose", "left_elbow=0,0"], "must have 3 numbers"),
    ],
)
def test_errors_are_one_line_and_leave_the_old_file(tmp_path, capsys, arguments, message):
    out = tmp_path / "body.json"
    out.write_text("old", encoding="utf-8")
    assert main(["body", *arguments, "--out", str(out)]) != 0
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert out.read_text(encoding="utf-8") == "old"
