"""Motion as BVH: one hierarchy of offsets, and a line of Euler angles a frame."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

CENTIMETRES = 100.0
_CHANNELS = "Zrotation Xrotation Yrotation"
_END_SHARE = 0.5  # length of the end of a chain, as a share of its last bone


def euler_zxy(rotations: NDArray[np.floating]) -> NDArray[np.float64]:
    """Angles z, x, y (..., 3) in degrees with R = Rz Rx Ry, of rotation matrices (..., 3, 3)."""
    r = np.asarray(rotations, np.float64)
    sine = np.clip(r[..., 2, 1], -1.0, 1.0)
    locked = np.abs(sine) > 1.0 - 1e-9  # only z + y or z - y is told: y becomes zero
    z = np.where(locked, np.arctan2(r[..., 1, 0], r[..., 0, 0]), np.arctan2(-r[..., 0, 1], r[..., 1, 1]))
    y = np.where(locked, 0.0, np.arctan2(-r[..., 2, 0], r[..., 2, 2]))
    return np.degrees(np.stack([z, np.arcsin(sine), y], axis=-1))


def bvh_text(
    names: Sequence[str],
    parents: Sequence[int],
    joints: NDArray[np.floating],
    rotations: NDArray[np.floating],
    translations: NDArray[np.floating],
    seconds_a_frame: float,
    scale: float = CENTIMETRES,
) -> str:
    """A BVH file of a motion.

    Args:
        names: of the joints, without blanks; parents: their indices, -1 for the root, which comes first.
        joints: (J, 3) rest positions, metres, Y up.
        rotations: (T, J, 3, 3) relative to the parent in the frame of the rest pose, as SMPL-X has them.
        translations: (T, 3) of the root from its rest position, metres.
        seconds_a_frame: time between frames.
        scale: units of the file in a metre; BVH has none of its own, most programs read centimetres.
    """
    places = np.asarray(joints, np.float64) * scale
    children = [[child for child, parent in enumerate(parents) if parent == joint] for joint in range(len(names))]
    lines = ["HIERARCHY"]
    order: list[int] = []

    def write(joint: int, depth: int) -> None:
        order.append(joint)
        tab, parent = "\t" * depth, int(parents[joint])
        offset = places[joint] - (places[parent] if parent >= 0 else 0.0)
        position = "6 Xposition Yposition Zposition" if parent < 0 else "3"
        lines.extend([f"{tab}{'ROOT' if parent < 0 else 'JOINT'} {names[joint]}", tab + "{"])
        lines.append(f"{tab}\tOFFSET {_row(offset)}")
        lines.append(f"{tab}\tCHANNELS {position} {_CHANNELS}")
        for child in children[joint]:
            write(child, depth + 1)
        if not children[joint]:
            end = f"{tab}\t\tOFFSET {_row(_END_SHARE * offset)}"
            lines.extend([f"{tab}\tEnd Site", f"{tab}\t{{", end, f"{tab}\t}}"])
        lines.append(tab + "}")

    write(0, 0)
    angles = euler_zxy(rotations)[:, order].reshape(len(rotations), -1)
    moved = places[0] + np.asarray(translations, np.float64) * scale
    lines += ["MOTION", f"Frames: {len(angles)}", f"Frame Time: {seconds_a_frame:.6f}"]
    lines += [_row(np.concatenate(frame)) for frame in zip(moved, angles, strict=True)]
    return "\n".join(lines) + "\n"


def _row(values: NDArray[np.float64]) -> str:
    return " ".join(f"{value:.6f}" for value in values)
