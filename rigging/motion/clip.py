"""A motion on SMPL-X's joints, before it is fitted to a character."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..joints import NUM_JOINTS
from ..lbs import rodrigues

Float = NDArray[np.float64]

_USUAL_STEP, _CALIBRATION_STEP = 2.0, 5.0  # times the median step from frame to frame
_CALIBRATION_LEAST = 2.0  # summed over the joints, of Frobenius norms


@dataclass(frozen=True)
class MotionClip:
    """T frames of joint rotations relative to the T-pose, Y up, facing +Z.

    Lengths are in the source's own unit: only their ratio to `leg_length` counts, so metres, centimetres and inches
    give the same motion.
    """

    name: str
    poses: Float  # (T, 55, 3) axis-angle of each joint relative to its parent
    pelvis: Float  # (T, 3) path of the pelvis
    leg_length: float  # hip to knee to ankle of the body that was captured
    frame_time: float  # seconds

    def __post_init__(self) -> None:
        frames = len(self.poses)
        assert frames > 0 and self.poses.shape == (frames, NUM_JOINTS, 3) and self.pelvis.shape == (frames, 3)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return (len(self.poses) - 1) * self.frame_time

    def without_calibration(self) -> MotionClip:
        """The clip without the T-pose that captures begin with, and without what a filter has smeared of it."""
        if len(self.poses) < 4:
            return self
        local = rodrigues(self.poses).reshape(-1, NUM_JOINTS, 3, 3)
        steps = np.linalg.norm(local[1:] - local[:-1], axis=(2, 3)).sum(axis=1)
        usual = float(np.median(steps))
        if steps[0] < max(_CALIBRATION_STEP * usual, _CALIBRATION_LEAST):
            return self
        first = int((steps < _USUAL_STEP * usual).argmax())
        return self.cut(first * self.frame_time) if first <= len(steps) // 4 else self

    def cut(self, start: float = 0.0, end: float | None = None) -> MotionClip:
        """The frames from ``start`` to ``end`` seconds, at least one."""
        first = min(int(round(start / self.frame_time)), len(self.poses) - 1)
        last = len(self.poses) - 1 if end is None else max(int(round(end / self.frame_time)), first)
        rows = slice(first, last + 1)
        return MotionClip(self.name, self.poses[rows], self.pelvis[rows], self.leg_length, self.frame_time)
