"""The texels of an atlas as points of the surface, and values that are worked out for some of them only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .inpaint import push_pull
from .rasterize import make_fragments, resolve


def stride_of(size: int) -> int:
    """Each how manyth row and column smooth values are asked for: what they depend on is no finer than 512 samples."""
    return max(1, size // 512)


@dataclass(frozen=True)
class Texels:
    """The texels inside the charts, row by row."""

    mask: Tensor  # [S, S] bool
    corners: Tensor  # [N, 3] vertices of each texel's triangle
    weights: Tensor  # [N, 3] barycentrics

    @classmethod
    def of(cls, faces: np.ndarray, uvs: np.ndarray, size: int) -> Texels:
        """faces: (F, 3) integer; uvs: (V, 2) in [0, 1], origin lower left; size: of the texture."""
        triangles = torch.from_numpy(np.asarray(faces, np.int64))
        plane = torch.from_numpy(np.asarray(uvs, np.float32)) * 2 - 1
        layer = resolve(make_fragments(functional.pad(plane, (0, 1)), triangles, size))
        inside = layer.mask
        return cls(inside, triangles[layer.face[inside]], layer.barycentric[inside].clamp(0, 1))

    def blend(self, attributes: Tensor, chosen: Tensor | None = None) -> Tensor:
        """Attributes (V, C) interpolated at the texels, or at those of index ``chosen`` (M,)."""
        corners, weights = self.corners, self.weights
        if chosen is not None:
            corners, weights = corners[chosen], weights[chosen]
        total = attributes[corners[:, 0]] * weights[:, :1]
        for corner in (1, 2):
            total.addcmul_(attributes[corners[:, corner]], weights[:, corner : corner + 1])
        return total

    def sparsely(self, work: Callable[[Tensor], Tensor], stride: int, wanted: Tensor | None = None) -> Tensor:
        """Smooth values (N, C) of all texels, worked out at every ``stride``-th row and column.

        Args:
            work: maps indices (M,) of texels to their values (M, C).
            stride: at most the padding between charts, or values would run from one to the next.
            wanted: (N,) bool, texels whose values are needed; the others' may be anything.
        """
        size = self.mask.shape[0]
        row, column = torch.nonzero(self.mask, as_tuple=True)
        on_grid = (row % stride == 0) & (column % stride == 0)
        if wanted is not None:
            on_grid &= wanted
        asked = torch.nonzero(on_grid).squeeze(1)
        values = work(asked)
        if stride == 1 and wanted is None:
            return values
        coarse_size = -(-size // stride)
        coarse = torch.zeros(values.shape[1], coarse_size, coarse_size)
        known = torch.zeros(coarse_size, coarse_size, dtype=torch.bool)
        coarse[:, row[asked] // stride, column[asked] // stride] = values.T
        known[row[asked] // stride, column[asked] // stride] = True
        coarse = push_pull(coarse, known)
        # sample (i, j) of ``coarse`` stands at texel (stride i, stride j)
        grid = (torch.stack([column, row], dim=1) / stride + 0.5) * (2 / coarse_size) - 1
        sampled = functional.grid_sample(coarse[None], grid[None, None], padding_mode="border", align_corners=False)
        return sampled[0, :, 0].T

    def picture(self, values: Tensor) -> np.ndarray:
        """(S, S, C) uint8 of values (N, C) in [0, 1]; texels outside the charts hold the nearest chart's."""
        size = self.mask.shape[0]
        texture = torch.zeros(size, size, values.shape[1], dtype=torch.uint8)
        texture[self.mask] = (values.clamp(0, 1) * 255).round().to(torch.uint8)
        return nearest_known(texture, self.mask).numpy()


def nearest_known(picture: Tensor, known: Tensor) -> Tensor:
    """A picture (H, W, C) whose unknown pixels take the nearest known one's colour."""
    from scipy.ndimage import distance_transform_edt

    if not bool(known.any()):
        return picture
    row, column = distance_transform_edt(~known.numpy(), return_distances=False, return_indices=True)
    nearest = torch.from_numpy(row).long() * known.shape[1] + torch.from_numpy(column)
    return picture.flatten(0, 1)[nearest]
