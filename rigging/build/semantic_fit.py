"""Fit the linear maps between the semantic sliders and the betas."""

from __future__ import annotations

import numpy as np


def fit_semantic(semantic: np.ndarray, betas: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least squares betas = matrix @ semantic + offset.

    Args:
        semantic: (N, S) slider values of the samples; betas: (N, B) their coefficients.

    Returns:
        matrix (B, S), offset (B,).
    """
    design = np.concatenate([semantic, np.ones((len(semantic), 1))], axis=1)
    solution, *_ = np.linalg.lstsq(design, betas, rcond=None)
    return solution[:-1].T, solution[-1]


def extremal_vertices(v_template: np.ndarray, shapedirs: np.ndarray, seed: int) -> np.ndarray:
    """Vertices that are the highest or the lowest of some body: the height is their range in y."""
    rng = np.random.default_rng(seed)
    found: set[int] = set()
    for betas in rng.normal(0.0, 2.0, (4000, shapedirs.shape[2])):
        y = v_template[:, 1] + shapedirs[:, 1] @ betas
        found.update((int(y.argmax()), int(y.argmin())))
    return np.array(sorted(found))
