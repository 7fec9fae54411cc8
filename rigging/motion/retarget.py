"""BVH motion on SMPL-X's joints, by rotation.

Retargeting keeps what each limb does in the world. A source bone that has turned by D since its rest turns the
target's limb by D after the limb has been brought from the T-pose to the source's rest direction.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..body_model import BodyModel
from ..joints import JOINT_INDEX, JOINT_NAMES, PARENTS
from ..rotations import axis_angle, between, halfway
from .bvh import Bvh, load_bvh
from .clip import MotionClip
from .errors import MotionError
from .makehuman_rest import a_to_t_rotations
from .source_rigs import RIGS, SIDES, SourceRig, nearest_rig, rig_of

Float = NDArray[np.float64]

# Limbs whose rest direction is measured: from this joint to that one. Hand and foot turn with the bone above.
_MEASURED = {f"{s}_{a}": f"{s}_{b}" for s in SIDES for a, b in
             (("shoulder", "elbow"), ("elbow", "wrist"), ("hip", "knee"), ("knee", "ankle"))}  # fmt: skip
_Z_UP_TO_Y_UP = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
_LONGEST_FRAME = 1.0  # seconds; a file with longer ones gives milliseconds, or frames a second


def clip_of_bvh(path: Path | str) -> MotionClip:
    """Read a `.bvh` of one of the known rigs (`source_rigs.RIGS`), whatever its unit of length.

    Raises:
        MotionError: the file is broken, its joints are of no known rig, or its frame time is in another unit.
    """
    bvh = load_bvh(path)
    rig = rig_of(bvh.names)
    if rig is None:
        nearest = nearest_rig(bvh.names)
        missing = nearest.missing(bvh.names)
        lacking = ", ".join(missing[:4]) + (f" and {len(missing) - 4} more" if len(missing) > 4 else "")
        raise MotionError(
            path,
            f"has joints of no known rig; the nearest, {nearest.name}, would also need {lacking}",
            f"rename its joints to one of: {', '.join(known.name for known in RIGS)}",
        )
    if len(bvh.rotations) > 1 and not 0.0 < bvh.frame_time <= _LONGEST_FRAME:
        raise MotionError(
            path,
            f"has a frame time of {bvh.frame_time:g} s",
            "the format counts in seconds, such as 0.0333333 for 30 frames a second; correct the line 'Frame Time:'",
        )
    leg = _leg_length(bvh, rig)
    if not leg > 0.0:
        raise MotionError(path, "has legs of no length", "export it with the skeleton's offsets")
    pelvis = bvh.translations @ _to_y_up(rig).T
    return MotionClip(Path(path).stem, joint_rotations(bvh, rig), pelvis, leg, bvh.frame_time)


def joint_rotations(bvh: Bvh, rig: SourceRig, rest_joints: NDArray[np.floating] | None = None) -> Float:
    """(T, 55, 3) axis-angle rotations, T-pose = zeros, Y up, facing +Z.

    Args:
        bvh: whose joints have the rig's names.
        rig: which bone stands for which joint; joints without a bone keep their rest.
        rest_joints: (55, 3) of the target in the T-pose; None is the mean open body.
    """
    turn = _to_y_up(rig)
    index = {name: joint for joint, name in enumerate(bvh.names)}
    moved = turn @ bvh.global_rotations() @ turn.T
    bones = {**rig.bones, **{joint: bone for joint, bone in rig.fingers.items() if bone in index}}
    to_source = _to_source_rest(bvh, rig, rest_joints)

    world = np.tile(np.eye(3), (len(moved), len(JOINT_NAMES), 1, 1))
    local = np.zeros((len(moved), len(JOINT_NAMES), 3))
    for joint, name in enumerate(JOINT_NAMES):
        bone = bones.get(name)
        parent = world[:, PARENTS[joint]] if joint else np.eye(3)[None]
        if bone is None:
            world[:, joint] = parent
            continue
        if isinstance(bone, str):
            source = moved[:, index[bone]]
        else:
            source = halfway(moved[:, index[bone[0]]], moved[:, index[bone[1]]])
        world[:, joint] = source @ to_source[JOINT_INDEX[name]]
        local[:, joint] = axis_angle(np.swapaxes(parent, -1, -2) @ world[:, joint])
    return local


def _to_source_rest(bvh: Bvh, rig: SourceRig, rest_joints: NDArray[np.floating] | None) -> Float:
    """(55, 3, 3) how the limb at each joint turns from the T-pose to the source's rest."""
    if rig.rest == "makehuman":
        return np.swapaxes(a_to_t_rotations(), 1, 2)
    result = np.tile(np.eye(3), (len(JOINT_NAMES), 1, 1))
    target = BodyModel.load().pose().rest_joints if rest_joints is None else np.asarray(rest_joints, np.float64)
    for start, end in _MEASURED.items():
        limb = target[JOINT_INDEX[end]] - target[JOINT_INDEX[start]]
        result[JOINT_INDEX[start]] = between(limb[None], _bone_at_rest(bvh, rig, start, end)[None])[0]
    for name, joint in JOINT_INDEX.items():
        if name.endswith("_wrist") or name[-1].isdigit() and not name.startswith("spine"):
            result[joint] = result[JOINT_INDEX[name.split("_")[0] + "_elbow"]]
    return result


def _leg_length(bvh: Bvh, rig: SourceRig) -> float:
    """Hip to knee to ankle at rest, the mean of both sides, in the file's unit."""
    bones = [(f"{side}_{a}", f"{side}_{b}") for side in SIDES for a, b in (("hip", "knee"), ("knee", "ankle"))]
    return float(sum(np.linalg.norm(_bone_at_rest(bvh, rig, *bone)) for bone in bones) / len(SIDES))


def _bone_at_rest(bvh: Bvh, rig: SourceRig, start: str, end: str) -> Float:
    """(3,) from one of SMPL-X's joints to another in the source's rest, Y up, in its unit."""
    rest = bvh.rest_positions() @ _to_y_up(rig).T
    first, second = rig.bones[start], rig.bones[end]
    assert isinstance(first, str) and isinstance(second, str)
    return rest[bvh.names.index(second)] - rest[bvh.names.index(first)]


def _to_y_up(rig: SourceRig) -> Float:
    return _Z_UP_TO_Y_UP if rig.z_up else np.eye(3)
