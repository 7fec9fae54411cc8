"""Feet on the ground: when they stand, where they stand, and legs that keep them there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..joints import JOINT_INDEX
from .kinematics import Float, forward, leg, reach
from .source_rigs import SIDES

STANDING_HEIGHT = 0.05  # metres above the ground below which a heel or a ball can stand
STANDING_SPEED = 0.45  # metres a second below which it does
SHORTEST_STANCE = 0.08  # seconds
SMOOTHING = 0.06  # seconds over which speeds are taken
RISE_TIME = 0.4  # seconds over which the pelvis is moved
HEEL, BALL = 0, 1
_IN_PLACE_RANGE = 0.05  # of the leg: what a root that stays in place wanders at most
_IN_PLACE_SPEED = 0.25  # metres a second by which standing feet then slide
_IN_PLACE_AGREEMENT = 0.3  # least length of their mean direction


@dataclass(frozen=True)
class Soles:
    """The points that a body stands on: below each ankle and below each ball of the foot."""

    joints: tuple[int, int]  # ankles, left and right
    offsets: Float  # (2, 2, 3) from the ankle to heel and ball at rest: side, point

    @classmethod
    def of(cls, rest_joints: Float, ground: float) -> Soles:
        """For joints (55, 3) in the T-pose on a ground at the height ``ground``."""
        ankles = [leg(side)[2] for side in SIDES]
        offsets = np.zeros((2, 2, 3))
        for index, side in enumerate(SIDES):
            ankle, ball = rest_joints[ankles[index]], rest_joints[JOINT_INDEX[f"{side}_foot"]]
            offsets[index, HEEL] = (0.0, ground - ankle[1], 0.0)
            offsets[index, BALL] = (ball[0] - ankle[0], ground - ankle[1], ball[2] - ankle[2])
        return cls((ankles[0], ankles[1]), offsets)

    def positions(self, world: Float, joints: Float) -> Float:
        """(T, 2, 2, 3) of the points, for world rotations (T, J, 3, 3) and joints (T, J, 3)."""
        turned = np.einsum("tsij,spj->tspi", world[:, list(self.joints)], self.offsets)
        return joints[:, list(self.joints)][:, :, None] + turned


def stances(points: Float, frame_time: float, ground: float) -> NDArray[np.bool_]:
    """(T, 2, 2) when each point of (T, 2, 2, 3) stands: low and slow, for long enough."""
    speed = np.linalg.norm(_velocity(points, frame_time), axis=3)
    standing = (speed < STANDING_SPEED) & (points[..., 1] < ground + STANDING_HEIGHT)
    shortest = max(2, int(round(SHORTEST_STANCE / frame_time)))
    for side in range(2):
        for point in range(2):
            for start, stop in runs(~standing[:, side, point]):  # flicker within a stance
                if 0 < start and stop < len(standing) and stop - start < shortest // 2:
                    standing[start:stop, side, point] = True
            for start, stop in runs(standing[:, side, point]):
                if stop - start < shortest:
                    standing[start:stop, side, point] = False
    return standing


def walks_in_place(points: Float, pelvis: Float, frame_time: float, leg_length: float) -> bool:
    """Whether a clip's root stays where it is while the lowest foot slides steadily, as on a treadmill."""
    if len(points) < 3 or np.ptp(pelvis[:, [0, 2]], axis=0).max() > _IN_PLACE_RANGE * leg_length:
        return False
    slide = lowest_motion(points) / frame_time
    speed = np.linalg.norm(slide, axis=1).mean()
    return bool(speed > _IN_PLACE_SPEED and np.linalg.norm(slide.mean(axis=0)) > _IN_PLACE_AGREEMENT * speed)


def lowest_motion(points: Float) -> Float:
    """(T - 1, 3) how the lowest point of (T, 2, 2, 3) moves over the ground from each frame to the next."""
    flat = points.reshape(len(points), 4, 3)
    lowest = (flat[1:, :, 1] + flat[:-1, :, 1]).argmin(axis=1)
    rows = np.arange(len(lowest))
    motion = flat[rows + 1, lowest] - flat[rows, lowest]
    return motion * (1.0, 0.0, 1.0)


def plant(
    local: Float,
    pelvis: Float,
    rest_joints: Float,
    soles: Soles,
    standing: NDArray[np.bool_],
    ground: float,
    frame_time: float,
) -> tuple[Float, Float]:
    """Legs that keep standing feet where they are, at the height of the ground, and others above it.

    A foot's path is shifted, so that nothing moves that stands; between two stances the shift passes from one to the
    other. The pelvis rises with what both feet have in common, and comes down where a leg would not reach.

    Args:
        local: (T, J, 3, 3); pelvis: (T, 3); rest_joints: (J, 3) in the T-pose.
        standing: (T, 2, 2) of `stances`.

    Returns:
        local and pelvis, corrected.
    """
    world, joints = forward(local, pelvis, rest_joints)
    points = soles.positions(world, joints)
    shifts = np.stack([_shift(points[:, side], standing[:, side], ground) for side in range(2)], axis=1)
    targets = joints[:, list(soles.joints)] + shifts
    rise = _common_rise(shifts[..., 1], standing[..., HEEL] | standing[..., BALL], frame_time)
    joints, pelvis = joints + rise[:, None], pelvis + rise
    pelvis = pelvis - [0.0, 1.0, 0.0] * _drop(joints, targets, rest_joints)[:, None]
    for index, side in enumerate(SIDES):
        local = reach(local, pelvis, rest_joints, side, targets[:, index])
    return local, pelvis


def slide(points: Float, standing: NDArray[np.bool_]) -> float:
    """The longest way over the ground, in metres, across the path of a point of (T, 2, 2, 3) while it stands."""
    worst = 0.0
    for side in range(2):
        for point in range(2):
            for start, stop in runs(standing[:, side, point]):
                path = points[start:stop, side, point][:, [0, 2]]
                middle = 0.5 * (path.min(axis=0) + path.max(axis=0))
                worst = max(worst, 2.0 * float(np.linalg.norm(path - middle, axis=1).max()))
    return worst


def runs(mask: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """First index and one past the last of every stretch of True in (T,)."""
    padded = np.concatenate([[False], mask, [False]])
    changes = np.flatnonzero(padded[1:] != padded[:-1])
    return [(int(a), int(b)) for a, b in zip(changes[::2], changes[1::2], strict=True)]


def _velocity(points: Float, frame_time: float) -> Float:
    """Central differences over `SMOOTHING`, metres a second; zero for a single frame."""
    reach_ = max(1, int(round(0.5 * SMOOTHING / frame_time)))
    rows = np.arange(len(points))
    before, after = np.maximum(rows - reach_, 0), np.minimum(rows + reach_, len(points) - 1)
    elapsed = np.maximum(after - before, 1) * frame_time
    return (points[after] - points[before]) / elapsed.reshape(-1, *[1] * (points.ndim - 1))


def _shift(points: Float, standing: NDArray[np.bool_], ground: float) -> Float:
    """(T, 3) by which a foot with points (T, 2, 3) has to be moved; standing: (T, 2)."""
    shift = np.zeros((len(points), 3))
    phases = runs(standing[:, HEEL] | standing[:, BALL])
    for start, stop in phases:
        active = standing[start:stop].astype(np.float64)
        both = np.minimum(active[1:], active[:-1])  # what stands in both frames must not move between them
        both[both.sum(axis=1) == 0.0] = 0.5
        step = np.einsum("tp,tpi->ti", both, np.diff(points[start:stop], axis=0)) / both.sum(axis=1, keepdims=True)
        path = np.concatenate([np.zeros((1, 3)), -np.cumsum(step, axis=0)])
        shift[start:stop] = path - path.mean(axis=0)  # the least that does it
        weight = active / active.sum(axis=1, keepdims=True)
        shift[start:stop, 1] = ground - np.einsum("tp,tp->t", weight, points[start:stop, :, 1])
    for (_, left), (right, _) in zip([(0, 0), *phases], [*phases, (len(points), 0)], strict=True):
        if right <= left:
            continue
        first = shift[left - 1] if left > 0 else (shift[right] if right < len(points) else np.zeros(3))
        last = shift[right] if right < len(points) else first
        t = (np.arange(left, right) - left + 1.0)[:, None] / (right - left + 1.0)
        shift[left:right] = first + (last - first) * t * t * (3.0 - 2.0 * t)
    lowest = points[:, :, 1].min(axis=1) + shift[:, 1]
    shift[:, 1] += np.maximum(ground - lowest, 0.0)
    return shift


def _common_rise(shifts: Float, standing: NDArray[np.bool_], frame_time: float) -> Float:
    """(T, 3) by which the pelvis goes along with the heights (T, 2) that its standing feet are shifted by, smoothly."""
    some = np.flatnonzero(standing.any(axis=1))
    mean = (shifts * standing).sum(axis=1)[some] / standing.sum(axis=1)[some]
    rise = np.interp(np.arange(len(shifts)), some, mean)
    reach_ = min(int(round(0.5 * RISE_TIME / frame_time)), len(rise) - 1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(rise, reach_, mode="reflect"), 2 * reach_ + 1)
    return windows.mean(axis=1)[:, None] * [0.0, 1.0, 0.0]


def _drop(joints: Float, targets: Float, rest_joints: Float) -> Float:
    """(T,) metres by which the pelvis comes down so that both legs reach their targets (T, 2, 3), smoothly."""
    drop = np.zeros(len(joints))
    for index, side in enumerate(SIDES):
        hip, knee, ankle = leg(side)
        length = 0.998 * sum(np.linalg.norm(rest_joints[b] - rest_joints[a]) for a, b in ((hip, knee), (knee, ankle)))
        away = joints[:, hip] - targets[:, index]
        level = np.maximum(length**2 - away[:, 0] ** 2 - away[:, 2] ** 2, 0.0)
        drop = np.maximum(drop, away[:, 1] - np.sqrt(level))
    if not drop.any():
        return drop
    width = min(len(drop), 9)
    padded = np.pad(drop, width // 2, mode="edge")
    highest = np.lib.stride_tricks.sliding_window_view(padded, 2 * (width // 2) + 1).max(axis=1)
    padded = np.pad(highest, width // 2, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, 2 * (width // 2) + 1).mean(axis=1)
