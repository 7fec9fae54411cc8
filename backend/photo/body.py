"""The body model on torch, for optimisation: joints and a chosen set of vertices of a batch of bodies.

Linear blend skinning as `rigging.body_model` does it (tests hold them equal). Pose blend shapes of licensed files are
left out: they move no joint and the skin by millimetres.
"""

from __future__ import annotations

import torch
from torch import Tensor

from rigging.body_model import NUM_BETAS, BodyModel
from rigging.joints import NUM_JOINTS, PARENTS


def _levels() -> list[tuple[list[int], list[int]]]:
    """Joints and their parents by depth below the pelvis."""
    depth = [0] * NUM_JOINTS
    for joint in range(1, NUM_JOINTS):
        depth[joint] = depth[PARENTS[joint]] + 1
    levels = []
    for level in range(1, max(depth) + 1):
        joints = [joint for joint in range(NUM_JOINTS) if depth[joint] == level]
        levels.append((joints, [int(PARENTS[joint]) for joint in joints]))
    return levels


LEVELS = _levels()


class TorchBody:
    """A body model restricted to some vertices.

    Args:
        model: the body.
        vertices: (N,) indices of the vertices to be posed.
    """

    def __init__(self, model: BodyModel, vertices: Tensor, dtype: torch.dtype = torch.float32) -> None:
        def tensor(values: object) -> Tensor:
            return torch.as_tensor(values, dtype=dtype)

        dirs = tensor(model.shapedirs)
        regressor = tensor(model.J_regressor)
        self.v_template = tensor(model.v_template)[vertices]  # [N, 3]
        self.shapedirs = dirs[vertices]  # [N, 3, 10]
        self.weights = tensor(model.weights)[vertices]  # [N, 55]
        self.joint_template = regressor @ tensor(model.v_template)  # [55, 3]
        self.joint_dirs = torch.einsum("jv,vck->jck", regressor, dirs)  # [55, 3, 10]

    def joints(self, betas: Tensor, rotations: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Forward kinematics.

        Args:
            betas: [B, 10].
            rotations: [B, 55, 3, 3] of each joint relative to its parent.

        Returns:
            joints (B, 55, 3), their rotations in the world (B, 55, 3, 3), and the unposed joints (B, 55, 3).
        """
        rest = self.joint_template + torch.einsum("jck,bk->bjc", self.joint_dirs, betas[:, :NUM_BETAS])
        index = {0: 0}
        turned, placed = rotations[:, :1], rest[:, :1]
        for joints, parents in LEVELS:
            rows = [index[parent] for parent in parents]
            above, at = turned[:, rows], placed[:, rows]
            here = above @ rotations[:, joints]
            offset = (rest[:, joints] - rest[:, parents]).unsqueeze(-1)
            there = at + (above @ offset).squeeze(-1)
            index.update({joint: len(index) + i for i, joint in enumerate(joints)})
            turned, placed = torch.cat([turned, here], 1), torch.cat([placed, there], 1)
        order = [index[joint] for joint in range(NUM_JOINTS)]
        return placed[:, order], turned[:, order], rest

    def vertices(self, betas: Tensor, joints: Tensor, turned: Tensor, rest: Tensor) -> Tensor:
        """Posed vertices (B, N, 3) for what :meth:`joints` gave."""
        shaped = self.v_template + torch.einsum("nck,bk->bnc", self.shapedirs, betas[:, :NUM_BETAS])
        shift = joints - (turned @ rest.unsqueeze(-1)).squeeze(-1)
        flat = torch.cat([turned.flatten(2), shift], dim=2)  # [B, 55, 12]
        blended = self.weights @ flat
        return (blended[..., :9].unflatten(-1, (3, 3)) @ shaped.unsqueeze(-1)).squeeze(-1) + blended[..., 9:]


def rodrigues(axis_angle: Tensor) -> Tensor:
    """Rotation matrices (..., 3, 3) of axis-angle vectors (..., 3), smooth at zero."""
    square = (axis_angle * axis_angle).sum(-1, keepdim=True).unsqueeze(-1)
    small = square < 1e-6
    angle = square.clamp_min(1e-6).sqrt()
    sine = torch.where(small, 1 - square / 6, angle.sin() / angle)
    versine = torch.where(small, 0.5 - square / 24, (1 - angle.cos()) / angle**2)
    x, y, z = axis_angle.unbind(-1)
    zero = torch.zeros_like(x)
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], dim=-1).unflatten(-1, (3, 3))
    return torch.eye(3, dtype=axis_angle.dtype) + sine * cross + versine * (cross @ cross)
