"""Fewer joints a vertex, chosen and weighted so that the surface moves as before."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .lbs import rigid_chain, rodrigues

POSES = 16
SPREAD = 0.35  # radians, standard deviation of each axis of each joint in the poses that are compared
_CHUNK = 20_000  # vertices at a time, some 100 MB
_RIDGE = 1e-6  # of the mean squared motion: joints that move alike share their weight evenly


def fit_influences(
    vertices: NDArray[np.floating],
    weights: NDArray[np.floating],
    joints: NDArray[np.floating],
    parents: NDArray[np.integer],
    count: int,
) -> NDArray[np.float64]:
    """Weights (V, J) with at most ``count`` joints a vertex that move it as nearly as possible as ``weights`` do.

    Of each vertex' joints those go first that are missed least, and the weights of the others are fitted by least
    squares to where all of its joints would carry it in random poses. Cutting the smallest weights and scaling up the
    rest alike tears armpits and crotches.

    Args:
        vertices: (V, 3) at rest, metres; weights: (V, J) rows sum to one.
        joints: (J, 3) at rest; parents: (J,) -1 for the root, parents come first.
    """
    result: NDArray[np.float64] = np.array(weights, np.float64)
    crowded = np.flatnonzero((result > 0.0).sum(axis=1) > count)
    if len(crowded) == 0:
        return result
    rng = np.random.default_rng(0)
    turns = rodrigues(rng.normal(0.0, SPREAD, (POSES * len(joints), 3))).reshape(POSES, len(joints), 3, 3)
    rest = np.asarray(joints, np.float64)
    transforms = np.stack([rigid_chain(turn, rest, parents)[1][:, :3] for turn in turns])  # (P, J, 3, 4)
    for start in range(0, len(crowded), _CHUNK):
        rows = crowded[start : start + _CHUNK]
        result[rows] = _fitted(np.asarray(vertices, np.float64)[rows], result[rows], transforms, count)
    return result


def _fitted(
    points: NDArray[np.float64], weights: NDArray[np.float64], transforms: NDArray[np.float64], count: int
) -> NDArray[np.float64]:
    """`fit_influences` for vertices (V, 3) that have more than ``count`` joints; transforms: (P, J, 3, 4)."""
    most = int((weights > 0.0).sum(axis=1).max())
    order = np.argsort(-weights, axis=1, kind="stable")[:, :most]  # stable: ties go to the lower joint
    given = np.take_along_axis(weights, order, axis=1)
    places = np.empty((len(points), most, len(transforms), 3))
    for slot in range(most):
        chosen = transforms[:, order[:, slot]].transpose(1, 0, 2, 3)
        places[:, slot] = np.einsum("vpab,vb->vpa", chosen[..., :3], points) + chosen[..., 3]
    away = (places - np.einsum("vk,vkpa->vpa", given, places)[:, None]).reshape(len(points), most, -1)
    gram = np.einsum("vik,vjk->vij", away, away)

    free = given > 0.0
    rows = np.arange(len(points))
    while (crowded := free.sum(axis=1) > count).any():
        cost = np.full(free.shape, np.inf)
        for slot in range(most):
            without = free.copy()
            without[:, slot] = False
            some = crowded & free[:, slot]
            shares = _shares(gram[some], without[some])
            cost[some, slot] = np.einsum("vi,vij,vj->v", shares, gram[some], shares)
        free[rows[crowded], cost[crowded].argmin(axis=1)] = False
    result = np.zeros_like(weights)
    np.put_along_axis(result, order, _shares(gram, free), axis=1)
    return result


def _shares(gram: NDArray[np.float64], free: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Nonnegative rows x (V, N) of sum one, zero where not ``free`` (V, N), with small ``x^T G x`` for G (V, N, N)."""
    size = gram.shape[1]
    scale = np.trace(gram, axis1=1, axis2=2)[:, None] / size + 1e-18
    while True:  # negative shares are dropped together, and the others fitted anew
        held = np.where(free, _RIDGE, 1e6) * scale
        x = np.linalg.solve(gram + np.eye(size) * held[:, None], free[..., None].astype(np.float64))[..., 0] * free
        x /= x.sum(axis=1, keepdims=True)
        negative = x < 0.0
        if not negative.any():
            return x
        free = free & ~negative
