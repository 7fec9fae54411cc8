"""MakeHuman's own rest, an A-pose, against the T-pose of the body here."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..joints import JOINT_INDEX, NUM_JOINTS
from ..lbs import rodrigues

# How the left side's bones turn from MakeHuman's A-pose to this project's T-pose, axis-angle in degrees, as
# rigging/build/t_pose.py turns the mean body; joints that are not named stay as they are.
_A_TO_T = {
    "left_hip": (0.0, 0.0, -2.8),
    "left_knee": (0.0, 0.0, -3.2),
    "left_collar": (1.1, 0.2, 13.1),
    "left_shoulder": (4.3, 2.3, 45.0),
    "left_elbow": (19.5, 38.2, 44.6),
    "left_wrist": (17.8, 42.4, 48.5),
}


def a_to_t_rotations() -> NDArray[np.float64]:
    """(55, 3, 3) how the limb at each SMPL-X joint turns in the world from MakeHuman's A-pose to the T-pose."""
    joints = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    for name, degrees in _A_TO_T.items():
        for side, mirror in (("left", 1.0), ("right", -1.0)):
            vector = np.radians(degrees) * (1.0, mirror, mirror)
            joints[JOINT_INDEX[name.replace("left", side)]] = rodrigues(vector)[0]
    for name, index in JOINT_INDEX.items():
        if name[-1].isdigit() and name.startswith(("left_", "right_")):  # fingers go with the hand
            joints[index] = joints[JOINT_INDEX[name.split("_")[0] + "_wrist"]]
    return joints
