"""Reading of Biovision hierarchy files (`.bvh`): skeleton and rotations of every frame.

Format: "Motion Capture File Formats Explained", M. Meredith and S. Maddock, University of Sheffield, 2001.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..lbs import rodrigues
from .errors import MotionError

_AXES = "XYZ"
_CHANNELS = {f"{axis}{kind}" for axis in _AXES for kind in ("position", "rotation")}
_MAX_VALUES = 50_000_000


@dataclass(frozen=True)
class Bvh:
    """J joints, T frames; lengths and axes are the file's own."""

    names: tuple[str, ...]
    parents: tuple[int, ...]  # -1 for the root; a parent precedes its children
    offsets: NDArray[np.float64]  # (J, 3) from the parent, at rest
    frame_time: float  # seconds
    rotations: NDArray[np.float64]  # (T, J, 3, 3) local, relative to the rest, whose axes are the world's
    translations: NDArray[np.float64]  # (T, 3) of the root

    def global_rotations(self) -> NDArray[np.float64]:
        """(T, J, 3, 3) how each joint turned in the world since the rest."""
        result = self.rotations.copy()
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                result[:, joint] = result[:, parent] @ self.rotations[:, joint]
        return result

    def rest_positions(self) -> NDArray[np.float64]:
        """(J, 3) joints at rest, the root at its offset."""
        result = self.offsets.copy()
        for joint, parent in enumerate(self.parents):
            if parent >= 0:
                result[joint] += result[parent]
        return result


def load_bvh(path: Path | str) -> Bvh:
    """Read a `.bvh`. Raises MotionError for a broken hierarchy, an unknown channel, no or too few frames."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise MotionError(path, f"cannot be opened ({error.strerror})") from error
    head, found, motion = text.partition("MOTION")
    if not found:
        raise MotionError(path, "has no MOTION section")
    try:
        names, parents, offsets, channels = _hierarchy(iter(head.split()))
    except StopIteration:
        raise MotionError(path, "ends within its HIERARCHY section") from None
    except ValueError as error:
        raise MotionError(path, f"has a broken HIERARCHY section ({error})") from error
    columns = [(joint, channel) for joint, row in enumerate(channels) for channel in row]
    try:
        frame_time, table = _motion(motion.split(), len(columns))
    except ValueError as error:
        raise MotionError(path, f"has a broken MOTION section ({error})") from error
    rotations, translations = _transforms(table, columns, len(names))
    return Bvh(tuple(names), tuple(parents), np.asarray(offsets), frame_time, rotations, translations)


_Hierarchy = tuple[list[str], list[int], list[list[float]], list[list[str]]]


def _hierarchy(tokens: Iterator[str]) -> _Hierarchy:
    """Names, parents, offsets and channels, in the file's order. End sites are left out."""
    names: list[str] = []
    parents: list[int] = []
    offsets: list[list[float]] = []
    channels: list[list[str]] = []
    stack: list[int | None] = []  # open joints; None = an end site
    _expect(tokens, "HIERARCHY")
    for token in tokens:
        if token in ("ROOT", "JOINT"):
            if (token == "ROOT") != (not names):
                raise ValueError("a second ROOT" if names else "a JOINT before the ROOT")
            if token == "JOINT" and (not stack or stack[-1] is None):
                raise ValueError("a JOINT outside its parent")
            parents.append(stack[-1] if stack and stack[-1] is not None else -1)
            names.append(next(tokens))
            offsets.append([0.0, 0.0, 0.0])
            channels.append([])
            _expect(tokens, "{")
            stack.append(len(names) - 1)
        elif token == "End":
            _expect(tokens, "Site")
            _expect(tokens, "{")
            stack.append(None)
        elif token == "}":
            if not stack:
                raise ValueError("one closing brace too many")
            stack.pop()
        elif token == "OFFSET":
            offset = [float(next(tokens)) for _ in range(3)]
            if stack and stack[-1] is not None:
                offsets[stack[-1]] = offset
        elif token == "CHANNELS" and stack and stack[-1] is not None:
            row = [next(tokens) for _ in range(int(next(tokens)))]
            unknown = [name for name in row if name not in _CHANNELS]
            if unknown:
                raise ValueError(f"joint {names[stack[-1]]}: unknown channel {unknown[0]!r}")
            channels[stack[-1]] = row
        else:
            raise ValueError(f"unexpected {token!r}")
    if stack or not names:
        raise ValueError("it is cut short" if stack else "no joint")
    return names, parents, offsets, channels


def _expect(tokens: Iterator[str], wanted: str) -> None:
    token = next(tokens)
    if token != wanted:
        raise ValueError(f"{token!r} instead of {wanted!r}")


def _motion(tokens: list[str], columns: int) -> tuple[float, NDArray[np.float64]]:
    """Frame time in seconds and the values (T, columns)."""
    if tokens[:1] != ["Frames:"] or tokens[2:4] != ["Frame", "Time:"] or len(tokens) < 5:
        raise ValueError("`Frames:` and `Frame Time:` expected")
    frames, frame_time = int(tokens[1]), float(tokens[4])
    if frames <= 0:
        raise ValueError("it has no frames")
    if frames * columns > _MAX_VALUES:
        raise ValueError(f"{frames} frames of {columns} values are too many")
    values = np.asarray(tokens[5:], dtype=np.float64)
    if len(values) != frames * columns:
        raise ValueError(f"{frames} frames of {columns} values promised, {len(values)} values found")
    if not np.isfinite(values).all():
        raise ValueError("a value is not finite")
    return frame_time, values.reshape(frames, columns)


def _transforms(
    table: NDArray[np.float64], columns: list[tuple[int, str]], joints: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Local rotations (T, J, 3, 3), multiplied in the order of the channels, and the root's translation (T, 3)."""
    rotations = np.tile(np.eye(3), (len(table), joints, 1, 1))
    translations = np.zeros((len(table), 3))
    for column, (joint, channel) in enumerate(columns):
        axis = _AXES.index(channel[0])
        if channel.endswith("rotation"):
            turn = rodrigues(np.radians(table[:, column, None]) * np.eye(3)[axis])
            rotations[:, joint] = rotations[:, joint] @ turn
        elif joint == 0:
            translations[:, axis] = table[:, column]
    return rotations, translations
