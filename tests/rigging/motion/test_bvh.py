"""Reading of `.bvh` files."""

from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from rigging.motion.bvh import load_bvh
from rigging.motion.errors import MotionError

_BVH = """HIERARCHY
ROOT hip
{
  OFFSET 0 10 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Yrotation Xrotation
  JOINT chest
  {
    OFFSET 0 5 1
    CHANNELS 3 Xrotation Zrotation Yrotation
    End Site
    {
      OFFSET 0 2 0
    }
  }
  JOINT leg
  {
    OFFSET 1 -1 0
    CHANNELS 1 Yrotation
    End Site
    {
      OFFSET 0 -4 0
    }
  }
}
MOTION
Frames: 2
Frame Time: 0.04
1 2 3 10 20 30 40 50 60 70
0 0 0 0 0 90 0 0 0 90
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "move.bvh").write_text(_BVH)
    return tmp_path / "move.bvh"


def test_reads_joints_in_any_channel_order(path: Path) -> None:
    bvh = load_bvh(path)
    assert bvh.names == ("hip", "chest", "leg") and bvh.parents == (-1, 0, 0)
    assert bvh.frame_time == 0.04 and bvh.rotations.shape == (2, 3, 3, 3)
    assert np.allclose(bvh.translations, [[1, 2, 3], [0, 0, 0]])
    assert np.allclose(bvh.rest_positions(), [[0, 10, 0], [0, 15, 1], [1, 9, 0]])
    # Capital letters: turns about the moving axes, which is the product in the order of the channels.
    assert np.allclose(bvh.rotations[0, 0], Rotation.from_euler("ZYX", [10, 20, 30], degrees=True).as_matrix())
    assert np.allclose(bvh.rotations[0, 1], Rotation.from_euler("XZY", [40, 50, 60], degrees=True).as_matrix())
    assert np.allclose(bvh.rotations[0, 2], Rotation.from_euler("Y", 70, degrees=True).as_matrix())


def test_global_rotations_follow_the_parents(path: Path) -> None:
    turned = load_bvh(path).global_rotations()[1]
    # The hip turns about X by a quarter, the leg about the hip's Y, which then points along the world's Z.
    expected = Rotation.from_euler("z", 90, degrees=True) * Rotation.from_euler("x", 90, degrees=True)
    assert np.allclose(turned[2], expected.as_matrix())
    assert np.allclose(turned[1], turned[0])


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("Frames: 2", "Frames: 0", "no frames"),
        ("Frames: 2", "Frames: 3", "3 frames of 10 values promised, 20 values found"),
        ("Frames: 2", "Frames: many", "MOTION"),
        ("Frames: 2", "Frames: 99999999999", "too many"),
        ("0 0 0 0 0 90 0 0 0 90\n", "0 0 0", "3 values|13 values"),
        ("10 20 30", "10 nan 30", "not finite"),
        ("CHANNELS 1 Yrotation", "CHANNELS 1 Wrotation", "joint leg: unknown channel 'Wrotation'"),
        ("CHANNELS 1 Yrotation", "CHANNELS x Yrotation", "HIERARCHY"),
        ("OFFSET 1 -1 0", "OFFSET 1 -1", "HIERARCHY"),
        ("MOTION", "", "no MOTION section"),
        ("JOINT leg", "ROOT leg", "a second ROOT"),
        ("}\nMOTION", "MOTION", "cut short"),
        ("}\nMOTION", "}\n}\nMOTION", "one closing brace too many"),
        ("HIERARCHY\nROOT", "ROOT", "'ROOT' instead of 'HIERARCHY'"),
        ("JOINT leg\n  {", "JOINT leg", "instead of '{'"),
    ],
)
def test_broken_files_are_named(path: Path, old: str, new: str, what: str) -> None:
    assert old in _BVH
    path.write_text(_BVH.replace(old, new, 1))
    with pytest.raises(MotionError, match=what) as caught:
        load_bvh(path)
    assert "move.bvh" in str(caught.value)


def test_any_cut_is_an_error(path: Path) -> None:
    for length in range(0, len(_BVH) - 3, 7):
        path.write_text(_BVH[:length])
        with pytest.raises(MotionError):
            load_bvh(path)
    with pytest.raises(MotionError, match="cannot be opened"):
        load_bvh(path.with_name("gone.bvh"))
