"""Smooth completion of skin weights over a mesh, and their clean-up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import splu

from .laplacian import cotangent_laplacian

FLATNESS = 1.0 / 0.15**2
"""Weight of the membrane energy against the thin-plate one, 1 / m^2: beyond some 15 cm from what is known the fill
levels out instead of continuing the slope, which would run far out of [0, 1] on skirts and hair."""

GUESS_LENGTH = 0.1
"""Metres over which guesses are blurred; the pull on them is its inverse fourth power, the unit of the thin plate."""


def inpaint_weights(
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    weights: NDArray[np.floating],
    known: NDArray[np.bool_],
    guess: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Fill the rows of ``weights`` that are not known as smoothly as the mesh allows.

    Minimises ``tr(W^T Q W)`` with ``Q = a L + L M^-1 L`` (L the positive cotangent Laplacian, M the lumped mass) and
    the known rows held; then removes the small over- and undershoots of the thin plate and renormalises.

    Args:
        vertices: (V, 3) metres; faces: (F, 3), without split seams.
        weights: (V, J), used where known or a guess.
        known: (V,) at least one true in every connected component.
        guess: (V,) rows not known whose weights draw the fill towards them, blurred over `GUESS_LENGTH`.

    Returns:
        (V, J) nonnegative, rows sum to one; known rows unchanged.

    Source: Abdrashitov et al., Robust Skin Weights Transfer via Weight Inpainting, SIGGRAPH Asia 2023 Technical
    Communications, with the membrane term weighted by a length instead of by the unit of the file.
    """
    result = np.array(weights, np.float64)
    unknown = np.flatnonzero(~known)
    if len(unknown) == 0:
        return result
    pull = np.zeros(len(unknown)) if guess is None else guess[unknown] / GUESS_LENGTH**4
    guessed = result[unknown]
    result[unknown] = 0.0
    laplacian, mass = cotangent_laplacian(vertices, faces)
    rows = laplacian[unknown]
    energy = (FLATNESS * rows + (rows @ sparse.diags_array(1.0 / mass)) @ laplacian).tocsr()
    pull *= mass[unknown]
    joints = np.flatnonzero(result.any(axis=0) | guessed[pull > 0.0].any(axis=0))
    target = pull[:, None] * guessed[:, joints] - energy @ result[:, joints]
    system = (energy[:, unknown] + sparse.diags_array(pull)).tocsc()
    # symmetric positive definite: minimum degree on A + A^T without pivoting is 2-3 times faster than the default
    factor = splu(system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    filled = np.maximum(factor.solve(target), 0.0)
    totals = filled.sum(axis=1, keepdims=True)
    result[np.ix_(unknown, joints)] = filled / np.maximum(totals, 1e-12)
    return result


def limit_influences(weights: NDArray[np.floating], count: int = 8, smallest: float = 1e-3) -> NDArray[np.float64]:
    """Keep at most ``count`` weights a vertex, none below ``smallest`` of the total, and renormalise: (V, J)."""
    weights = np.maximum(np.asarray(weights, np.float64), 0.0)
    total = weights.sum(axis=1, keepdims=True)
    if (total <= 0.0).any():
        raise ValueError(f"{int((total <= 0.0).sum())} vertices have no skin weight; fill them first")
    weights = weights / total
    if count < weights.shape[1]:
        order = np.argsort(-weights, axis=1, kind="stable")  # stable: ties go to the lower joint
        kept = np.zeros_like(weights)
        rows = np.arange(len(weights))[:, None]
        kept[rows, order[:, :count]] = weights[rows, order[:, :count]]
        weights = kept
    weights = np.where(weights >= smallest, weights, 0.0)
    return weights / weights.sum(axis=1, keepdims=True)
