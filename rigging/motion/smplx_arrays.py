"""The pose of SMPL-X, and of its elders SMPL and SMPL-H, as arrays under the names that AMASS and smplx use."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..joints import NUM_JOINTS
from .errors import MotionError

Float = NDArray[np.float64]

MAX_FRAMES = 100_000
_WHOLE = ("poses", "full_pose", "fullpose", "pose")
# Numbers a frame of a whole pose -> where its joints go; SMPL's last two joints are its hands.
_WHOLE_LAYOUTS: dict[int, list[tuple[slice, slice]]] = {
    66: [(slice(0, 22), slice(0, 22))],
    72: [(slice(0, 22), slice(0, 22))],
    156: [(slice(0, 22), slice(0, 22)), (slice(22, 52), slice(25, 55))],
    165: [(slice(0, 55), slice(0, 55))],
}
# Part -> its other names, where its joints go. Of SMPL's 23 body joints the last two are its hands.
_PARTS: dict[str, tuple[tuple[str, ...], slice]] = {
    "global_orient": (("root_orient",), slice(0, 1)),
    "body_pose": (("pose_body",), slice(1, 22)),
    "jaw_pose": (("pose_jaw",), slice(22, 23)),
    "leye_pose": ((), slice(23, 24)),
    "reye_pose": ((), slice(24, 25)),
    "pose_eye": ((), slice(23, 25)),
    "left_hand_pose": ((), slice(25, 40)),
    "right_hand_pose": ((), slice(40, 55)),
    "pose_hand": ((), slice(25, 55)),
}
POSE_KEYS = {*_WHOLE, *_PARTS, *(name for names, _ in _PARTS.values() for name in names)}
VPOSER_CODES = 32
_SMPL_BODY = 69
_LARGEST_TURN = 4.0 * np.pi  # radians; longer rotation vectors are degrees
_LARGEST_BEND = 1.1 * np.pi  # of a finger's joint; longer vectors are PCA coefficients
_DECODE = "decode them first: VPoser's decode(codes)['pose_body'] gives the 63 numbers that belong here"
_NO_PCA = "write 15 rotations a hand: coefficients @ MANO's hand components, or the output of SMPLX(use_pca=False)"


def full_pose(path: Path | str, arrays: Mapping[str, Any]) -> Float:
    """(T, 55, 3) axis-angle rotations from the arrays of a file; parts that are missing are at rest.

    Args:
        path: the file, for messages.
        arrays: numbers by name, either a whole pose (66, 72, 156 or 165 numbers a frame) or parts of one, each
            (T, N), (T, J, 3), or (N,) for one frame.

    Raises:
        MotionError: there is no pose, numbers of a wrong kind or count, VPoser codes, PCA coefficients of hands,
            hands about their mean pose, or degrees.
    """
    refuse_relative_hands(path, arrays)
    names = [name for name in arrays if name in POSE_KEYS]
    if not names:
        raise MotionError(path, "has no pose", "it needs 'poses' (T, 165), or 'global_orient' and 'body_pose'")
    whole = next((name for name in _WHOLE if name in arrays), None)
    if whole is not None:
        rows = frames(path, whole, arrays[whole])
        if rows.shape[1] not in _WHOLE_LAYOUTS:
            if rows.shape[1] == VPOSER_CODES:
                raise MotionError(path, f"has VPoser codes in {whole!r} where rotations belong", _DECODE)
            raise MotionError(
                path,
                f"has {rows.shape[1]} numbers a frame in {whole!r}",
                "66 (body), 72 (SMPL), 156 (SMPL-H) or 165 (SMPL-X) are needed: three a joint",
            )
        result = np.zeros((len(rows), NUM_JOINTS, 3))
        for source, target in _WHOLE_LAYOUTS[rows.shape[1]]:
            result[:, target] = rows.reshape(len(rows), -1, 3)[:, source]
    else:
        result = _from_parts(path, arrays)
    turns = np.linalg.norm(result, axis=2)
    if turns.max() > _LARGEST_TURN:
        raise MotionError(
            path,
            f"has a rotation of {turns.max():.4g} radians",
            "rotations are axis-angle vectors in radians; convert degrees by numpy.radians",
        )
    if turns[:, 25:].max() > _LARGEST_BEND:
        raise MotionError(path, "bends a finger by more than half a turn, as PCA coefficients would", _NO_PCA)
    return result


def refuse_relative_hands(path: Path | str, arrays: Mapping[str, Any]) -> None:
    """Raise MotionError if a file says that its hands are PCA coefficients or are meant about the mean hand."""
    if _flag(arrays.get("use_pca")):
        raise MotionError(path, "says 'use_pca': its hands are PCA coefficients", _NO_PCA)
    if "flat_hand_mean" in arrays and not _flag(arrays["flat_hand_mean"]):
        raise MotionError(
            path,
            "says 'flat_hand_mean' is false: its hands are meant about the mean hand",
            "add the model's hands_meanl and hands_meanr to the hand poses and leave the flag out",
        )


def check_part(path: Path | str, name: str, width: int) -> None:
    """Raise MotionError, with the way out, if a part of a pose has a wrong count of numbers a frame."""
    own = next(part for part, (others, _) in _PARTS.items() if name in (part, *others))
    rows = _PARTS[own][1]
    wanted = 3 * (rows.stop - rows.start)
    if width == wanted or own == "body_pose" and width == _SMPL_BODY:
        return
    if own == "body_pose" and width == VPOSER_CODES:
        raise MotionError(path, f"has VPoser codes in {name!r} where rotations belong", _DECODE)
    if "hand" in own and width < wanted:
        raise MotionError(path, f"has {width} numbers a frame in {name!r}, PCA coefficients of hands", _NO_PCA)
    raise MotionError(path, f"has {width} numbers a frame in {name!r}", f"{wanted} are needed: three a joint")


def frames(path: Path | str, name: str, value: Any) -> Float:
    """Numbers as (T, N) float64, a single frame as one row. Raises MotionError."""
    try:
        array = np.asarray(value)
    except ValueError:  # a ragged list
        array = np.empty(0, object)
    if array.dtype.kind not in "fiu":
        raise MotionError(path, f"has something other than numbers in {name!r}", "it must be a numeric array")
    if array.size == 0:
        raise MotionError(path, f"has no frames in {name!r}", "export it again with its frames")
    if array.ndim == 3 and array.shape[2] == 3:
        array = array.reshape(len(array), -1)
    elif array.ndim == 2 and array.shape[1] == 3 and name in POSE_KEYS and array.shape[0] in (21, 15, 55, 22):
        array = array.reshape(1, -1)  # one frame, a row a joint
    elif array.ndim <= 1:
        array = array.reshape(1, -1)
    if array.ndim != 2 or len(array) > MAX_FRAMES:
        raise MotionError(path, f"has the shape {array.shape} in {name!r}", f"(T, N), T up to {MAX_FRAMES}, is needed")
    if not np.isfinite(array).all():
        raise MotionError(path, f"has a number in {name!r} that is not finite", "repair it or leave that frame out")
    return array.astype(np.float64)


def _from_parts(path: Path | str, arrays: Mapping[str, Any]) -> Float:
    parts: list[tuple[str, slice, Float]] = []
    for own, (others, rows) in _PARTS.items():
        for name in (own, *others):
            if name in arrays:
                values = frames(path, name, arrays[name])
                check_part(path, name, values.shape[1])
                parts.append((name, rows, values.reshape(len(values), -1, 3)[:, : rows.stop - rows.start]))
    counts = {name: len(values) for name, _, values in parts}
    if len(set(counts.values())) > 1:
        listed = ", ".join(f"{name} {count}" for name, count in counts.items())
        raise MotionError(path, f"has parts with different numbers of frames ({listed})", "cut them to the same length")
    result = np.zeros((len(parts[0][2]), NUM_JOINTS, 3))
    for _, rows, values in parts:
        result[:, rows] = values
    return result


def _flag(value: Any) -> bool:
    array = np.asarray(value) if value is not None else np.asarray(False)
    return bool(array.size == 1 and array.dtype.kind in "biu" and array.reshape(-1)[0])
