"""Fill what is unknown from what is known around it: in pictures and on meshes."""

from __future__ import annotations

import math

import numpy as np
import torch
from scipy.sparse import csr_array, diags_array, triu
from scipy.sparse.linalg import cg
from torch import Tensor
from torch.nn import functional

from rigging.laplacian import cotangent_laplacian


def push_pull(picture: Tensor, known: Tensor) -> Tensor:
    """Extend a picture smoothly over its unknown pixels (Gortler et al. 1996); known pixels stay as they are.

    Args:
        picture: [C, H, W].
        known: [H, W] bool.

    Returns:
        [C, H, W]; zeros if nothing is known.
    """
    weight = known.to(picture.dtype)[None, None]
    return _fill((picture * weight[0])[None], weight)[0]


def _fill(premultiplied: Tensor, weight: Tensor) -> Tensor:
    if min(weight.shape[-2:]) == 1:
        mean = premultiplied.sum((2, 3), keepdim=True) / weight.sum().clamp_min(1e-12)
        return mean.expand_as(premultiplied)
    coarse_weight = functional.avg_pool2d(weight, 2, ceil_mode=True)
    coarse = functional.avg_pool2d(premultiplied, 2, ceil_mode=True)
    level = (coarse_weight > 0).to(weight.dtype)
    filled = _fill(coarse / coarse_weight.clamp_min(1e-12) * level, level)
    around = functional.interpolate(filled, size=weight.shape[-2:], mode="bilinear", align_corners=False)
    return torch.where(weight > 0, premultiplied, around)


def spread(
    values: np.ndarray,
    trust: np.ndarray,
    vertices: np.ndarray,
    faces: np.ndarray,
    blur: float,
    reach: float = math.inf,
    slopes: np.ndarray | None = None,
) -> np.ndarray:
    """The smoothest values on a mesh that stay near the given ones where those are trusted.

    Minimises the integral of ``trust (x - values)^2 + blur^2 |grad x - slopes|^2 + (blur / reach)^2 x^2`` over the
    surface (with slopes, Perez et al. 2003, "Poisson image editing").

    Args:
        values: (V, C).
        trust: (V,) in [0, 1].
        vertices: (V, 3), one a place.
        faces: (F, 3).
        blur: length below which trusted values are smoothed.
        reach: length over which values fade to zero where nothing is trusted; infinite to carry them on.
        slopes: (E, C) by how much the values should rise from the second to the first vertex of :func:`edges_of`'s
            edges; none for no slope anywhere.

    Returns:
        (V, C) float64; the mean of the values where nothing trusted is connected and ``reach`` is infinite.
    """
    laplacian, mass = cotangent_laplacian(vertices, faces)
    pull = (blur / reach) ** 2 if reach < math.inf else 1e-9
    mean = trust @ values / max(float(trust.sum()), 1e-12) if reach == math.inf else np.zeros(values.shape[1])
    system = (laplacian * blur**2 + diags_array(mass * (trust + pull))).tocsr()
    target = (mass * trust)[:, None] * (values - mean)
    if slopes is not None:
        first, second, weight = edges_of(laplacian)
        flow = blur**2 * weight[:, None] * slopes
        np.add.at(target, first, flow)
        np.subtract.at(target, second, flow)
    jacobi = diags_array(1.0 / system.diagonal())
    solved = [cg(system, target[:, c], rtol=1e-5, maxiter=1000, M=jacobi)[0] for c in range(values.shape[1])]
    return np.stack(solved, axis=1) + mean


def edges_of(laplacian: csr_array) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """First and second vertices (E,) of a mesh's edges, and their weights in its Laplacian."""
    upper = triu(laplacian, 1).tocoo()
    return upper.row, upper.col, -upper.data
