"""Clips of SMPL-X, SMPL-H and SMPL as `.npz`, the way AMASS and smplx write them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .. import atomic
from ..lbs import rodrigues
from ..rotations import axis_angle
from .archive import read_npz
from .clip import MotionClip
from .errors import MotionError
from .smplx_arrays import frames, full_pose

if TYPE_CHECKING:
    from .fit import FittedMotion

Float = NDArray[np.float64]

SMPLX_LEG = 0.79  # metres, hip to knee to ankle of the mean SMPL-X body
_RATES = ("mocap_frame_rate", "mocap_framerate", "frame_rate", "fps")
_PATHS = ("trans", "transl")
_FASTEST = 80.0  # metres a second, of any frame
_UP = {
    "y": np.eye(3),
    "z": np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]]),
    "-y": np.diag([1.0, -1.0, -1.0]),
}
"""World axis that points up -> rotation to Y up. AMASS is Z up, smplx Y up, cameras look along +Z with Y down."""


def clip_of_npz(path: Path | str, frame_rate: float | None = None, up: str = "auto") -> MotionClip:
    """Read a clip.

    Args:
        path: an `.npz` with `poses` or its parts, and `trans`; see `smplx_arrays.full_pose`.
        frame_rate: frames a second; None takes the file's own.
        up: "y", "z", "-y", or "auto", which is the one nearest to where the spine points on average.

    Raises:
        MotionError: as of `full_pose`; no frame rate, a path of another length or in another unit.
    """
    arrays = read_npz(path)
    poses = full_pose(path, arrays)
    rate = frame_rate if frame_rate is not None else _rate(path, arrays, len(poses))
    name = next((name for name in _PATHS if name in arrays), None)
    pelvis = np.zeros((len(poses), 3)) if name is None else frames(path, name, arrays[name])
    if pelvis.shape != (len(poses), 3):
        raise MotionError(
            path, f"has {len(poses)} frames of poses, but {name!r} has the shape {pelvis.shape}", "one row a frame"
        )
    if len(poses) > 1 and np.linalg.norm(np.diff(pelvis, axis=0), axis=1).max() * rate > _FASTEST:
        raise MotionError(
            path,
            f"moves by more than {_FASTEST:g} m a second in {name!r}",
            "it must be in metres, and the frame rate right; divide centimetres by 100, millimetres by 1000",
        )
    root = rodrigues(poses[:, 0])
    turn = _UP[_up_axis(root) if up == "auto" else up]
    poses = poses.copy()
    poses[:, 0] = axis_angle(turn @ root)
    return MotionClip(Path(path).stem, poses, pelvis @ turn.T, SMPLX_LEG, 1.0 / rate)


def save_clip(path: Path | str, motion: FittedMotion) -> None:
    """Write a motion in AMASS's layout for SMPL-X, Y up, in full or not at all; equal motions give equal bytes."""
    buffer = io.BytesIO()
    np.savez(
        buffer,
        poses=motion.poses.reshape(len(motion.poses), -1),
        trans=motion.transl,
        mocap_frame_rate=np.float64(1.0 / motion.frame_time),
        surface_model_type=np.array("smplx"),
        gender=np.array("neutral"),
    )
    atomic.write_bytes(path, buffer.getvalue())


def _rate(path: Path | str, arrays: dict[str, NDArray], count: int) -> float:
    """Frames a second as the file says; a single frame needs none."""
    name = next((name for name in _RATES if name in arrays), None)
    if name is None:
        if count == 1:
            return 30.0
        raise MotionError(path, "does not say its frame rate", "give it, or add 'mocap_frame_rate' to the file")
    rate = float(frames(path, name, arrays[name])[0, 0])
    if not 1.0 <= rate <= 2000.0:
        raise MotionError(path, f"has a frame rate of {rate:g}", "it counts frames a second, such as 30 or 120")
    return rate


def _up_axis(root: Float) -> str:
    """The axis of `_UP` nearest to the spine's mean direction, for root rotations (T, 3, 3)."""
    spine = root[:, :, 1].mean(axis=0)
    heights = {"y": spine[1], "z": spine[2], "-y": -spine[1]}
    return max(heights, key=lambda axis: float(heights[axis]))
