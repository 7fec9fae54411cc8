"""A motion clip from a file, whatever its kind."""

from __future__ import annotations

from pathlib import Path

from .clip import MotionClip
from .errors import MotionError
from .retarget import clip_of_bvh
from .smplx_clip import clip_of_npz

SUFFIXES = (".bvh", ".npz")


def load_motion(path: Path | str, frame_rate: float | None = None, up: str = "auto") -> MotionClip:
    """Read a `.bvh` of a known rig, or an SMPL-X or AMASS `.npz`; a T-pose before the motion is left out.

    Args:
        path: the file.
        frame_rate: frames a second instead of the file's own.
        up: of an `.npz`, see `smplx_clip.clip_of_npz`.

    Raises:
        MotionError: another kind of file, or what is wrong with this one.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise MotionError(path, f"has the ending {path.suffix!r}", "motions are .bvh, or .npz of SMPL-X or AMASS")
    if suffix == ".npz":
        return clip_of_npz(path, frame_rate, up).without_calibration()
    clip = clip_of_bvh(path)
    if frame_rate is not None:
        clip = MotionClip(clip.name, clip.poses, clip.pelvis, clip.leg_length, 1.0 / frame_rate)
    return clip.without_calibration()
