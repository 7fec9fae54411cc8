"""A skeleton as a file wants it: bones with axes, and the skin bound to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Rig:
    """The bones of one character in some target's terms. Metres, Y up, facing +Z, in the T-pose.

    ``rotations`` are those of a pose, in the frame of the rest pose and relative to the parent, as SMPL-X has them:
    the identity is the rest pose whatever the bones' axes are.
    """

    skeleton: str
    names: tuple[str, ...]
    parents: NDArray[np.int64]  # (B,) -1 for the root; parents come first
    heads: NDArray[np.float64]  # (B, 3) where the bones begin
    axes: NDArray[np.float64]  # (B, 3, 3) columns are the bones' X, Y and Z axes at rest
    weights: NDArray[np.float32]  # (V, B) rows sum to one
    rotations: NDArray[np.float64]  # (B, 3, 3) of the pose at generation
    translation: NDArray[np.float64]  # (3,) of that pose, of the bone that stands for the pelvis
    hips: int  # index of that bone

    def local(self, posed: bool) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Translations (B, 3) and rotations (B, 3, 3) relative to the parent's axes, at rest or posed."""
        above = self.parents
        offsets = self.heads - np.where(above[:, None] >= 0, self.heads[above], 0.0)
        rotations = self.rotations if posed else np.broadcast_to(np.eye(3), self.axes.shape)
        if posed:
            offsets = offsets.copy()
            offsets[self.hips] += self.translation
        frames = np.where(above[:, None, None] >= 0, self.axes[above], np.eye(3))
        turned = np.swapaxes(frames, 1, 2)
        return np.einsum("bij,bj->bi", turned, offsets), turned @ rotations @ self.axes

    def inverse_bind(self) -> NDArray[np.float64]:
        """Matrices (B, 4, 4) from the mesh at rest into each bone."""
        matrices = np.tile(np.eye(4), (len(self.names), 1, 1))
        matrices[:, :3, :3] = np.swapaxes(self.axes, 1, 2)
        matrices[:, :3, 3] = -np.einsum("bji,bj->bi", self.axes, self.heads)
        return matrices
