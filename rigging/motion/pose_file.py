"""One pose as a file: `.json` as `doppel body` writes it, or `.npz` under SMPL-X's names."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np

from .. import atomic
from ..body_parameters import BodyParameterError, BodyParameters
from .archive import read_npz
from .errors import MotionError
from .smplx_arrays import check_part, frames, full_pose, refuse_relative_hands

_PARTS = ("body_pose", "left_hand_pose", "right_hand_pose")
_FORMATS = (".json", ".npz")


def load_pose(path: Path | str) -> BodyParameters:
    """Read a pose, with the shape where the file has one.

    Raises:
        MotionError: the file cannot be read, holds more than one frame, or numbers of a wrong kind or count; VPoser
            codes and PCA hands are told apart and the message says what to write instead.
    """
    path = Path(path)
    return _from_npz(path) if _suffix(path) == ".npz" else _from_json(path)


def load_body(path: Path | str) -> tuple[BodyParameters, bool]:
    """`load_pose`, and whether the file says what shape the body has."""
    path = Path(path)
    body = load_pose(path)
    names = read_npz(path) if path.suffix.lower() == ".npz" else json.loads(path.read_text(encoding="utf-8"))
    return body, bool({"betas", "semantic"} & set(names))


def save_pose(path: Path | str, body: BodyParameters) -> None:
    """Write a pose in the format of the file's ending, in full or not at all.

    Raises:
        MotionError: the ending is neither `.json` nor `.npz`.
        OSError: the folder cannot be written.
    """
    path = Path(path)
    if _suffix(path) == ".json":
        atomic.write_bytes(path, (json.dumps(body.to_dict(), indent=1) + "\n").encode())
        return
    document = body.to_dict()
    arrays: dict[str, Any] = {name: np.asarray(value) for name, value in document.items() if isinstance(value, list)}
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    atomic.write_bytes(path, buffer.getvalue())


def _from_json(path: Path) -> BodyParameters:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        reason = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise MotionError(path, f"cannot be read as JSON ({reason})", "write one with `doppel body --out`") from None
    if isinstance(document, dict):
        refuse_relative_hands(path, document)
        for name in _PARTS:
            if name in document:
                check_part(path, name, frames(path, name, document[name]).size)
    try:
        return BodyParameters.from_dict(document)
    except BodyParameterError as error:
        raise MotionError(path, f"is no pose: {str(error).rstrip('.')}") from None


def _from_npz(path: Path) -> BodyParameters:
    arrays = read_npz(path)
    poses = full_pose(path, arrays)
    if len(poses) != 1:
        raise MotionError(path, f"holds {len(poses)} frames, not one pose", "apply it as a motion clip")
    others = {}
    for name, width in (("betas", 10), ("expression", 10), ("transl", 3), ("trans", 3)):
        if name in arrays:
            values = np.zeros(width)
            given = frames(path, name, arrays[name])[0][:width]
            values[: len(given)] = given
            others["transl" if name == "trans" else name] = values
    try:
        return BodyParameters.from_full_pose(poses[0], **others)
    except BodyParameterError as error:
        raise MotionError(path, f"is no pose: {str(error).rstrip('.')}") from None


def _suffix(path: Path) -> str:
    if path.suffix.lower() not in _FORMATS:
        raise MotionError(path, f"has the ending {path.suffix!r}", "poses are .json or .npz")
    return path.suffix.lower()
