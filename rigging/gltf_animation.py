"""Motions in a GLB: glTF animations of the skeleton's nodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .character import RiggedCharacter
from .glb import GlbWriter
from .gltf import glb_of
from .joints import JOINT_NAMES
from .motion.fit import FittedMotion
from .rotations import quaternions_of
from .skeletons import SKELETONS, Rig, convert

_STILL = 1e-6  # of a quaternion: a joint that moves less is set once, without a channel


def animated_glb(
    character: RiggedCharacter, motion: FittedMotion, name: str = "Avatar", rig: Rig | None = None
) -> GlbWriter:
    """A GLB of a character in a motion: its mesh, skin and material as `gltf.write_glb` writes them, and one animation.

    Args:
        character: with SMPL-X's joints; motion: fitted to it.
        name: of the mesh node.
        rig: the character on another skeleton; None is SMPL-X's. Joints that it leaves out stay with their parent.
    """
    rig = convert(character, SKELETONS["smplx"]) if rig is None else rig
    writer = glb_of(character, pose=False, name=name, rig=rig)
    times = writer.accessor((np.arange(len(motion.poses)) * motion.frame_time).astype(np.float32), bounds=True)
    turns = character.turns(motion.poses)
    bones = {bone: number for number, bone in enumerate(rig.names)}
    offsets, _ = rig.local(posed=False)
    channels: list[dict[str, Any]] = []
    samplers: list[dict[str, Any]] = []

    def animate(node: int, path: str, values: NDArray[np.float64]) -> None:
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": path}})
        samplers.append(
            {"input": times, "output": writer.accessor(values.astype(np.float32)), "interpolation": "LINEAR"}
        )

    for joint, joint_name in enumerate(JOINT_NAMES):
        bone = bones.get(SKELETONS[rig.skeleton].from_smplx.get(joint_name, ""))
        if bone is None:
            continue
        above = rig.axes[rig.parents[bone]] if rig.parents[bone] >= 0 else np.eye(3)
        values = _continuous(quaternions_of(above.T @ turns[:, joint] @ rig.axes[bone]))
        if np.abs(values - values[0]).max() > _STILL:
            animate(bone, "rotation", values)
        else:
            writer.document["nodes"][bone]["rotation"] = values[0].tolist()
        if bone == rig.hips:
            animate(bone, "translation", offsets[bone] + motion.transl @ above)
    writer.document["animations"] = [{"name": motion.name, "channels": channels, "samplers": samplers}]
    return writer


def _continuous(quaternions: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same rotations (T, 4), each in the sign that is nearer to the frame before."""
    flips = np.cumprod(np.where((quaternions[1:] * quaternions[:-1]).sum(axis=1) < 0.0, -1.0, 1.0))
    return quaternions * np.concatenate([[1.0], flips])[:, None]
