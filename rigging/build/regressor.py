"""Joint regressors: each joint as a sparse convex combination of nearby vertices."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls
from scipy.spatial import cKDTree

from ..joints import JOINT_INDEX

_TRUNK = ("pelvis", "hip", "spine1", "spine2", "spine3", "neck", "collar")
_TRUNK_REACH, _BODY_REACH, _FINGER_REACH = 0.22, 0.16, 0.04  # metres
_MOST_CANDIDATES = 600
_SUM_WEIGHT = 30.0
_TEMPLATE_WEIGHT = 3.0
_EXPRESSION_WEIGHT = 3.0
_DISTANCE_WEIGHT = 2e-3  # keeps the support close to the joint where the fit does not care


def fit_joint_regressor(
    v_template: np.ndarray,
    shapedirs: np.ndarray,
    exprdirs: np.ndarray,
    joints: np.ndarray,
    joint_dirs: np.ndarray,
    candidates: dict[int, np.ndarray],
) -> np.ndarray:
    """Non-negative least squares over the model's own linear space.

    Args:
        v_template: (V, 3); shapedirs: (V, 3, B); exprdirs: (V, 3, E).
        joints: (J, 3) joints of the mean shape; joint_dirs: (J, 3, B) their change with each beta.
        candidates: joint -> the only vertices that may carry it; others take any that are near.

    Returns:
        (J, V) regressor: rows are non-negative and sum to 1. Expressions move no joint as far as possible.
    """
    tree = cKDTree(v_template)
    result = np.zeros((len(joints), len(v_template)))
    reaches = _reaches(len(joints))
    for joint, position in enumerate(joints):
        chosen = candidates.get(joint)
        if chosen is None:
            chosen = np.array(sorted(tree.query_ball_point(position, reaches[joint])))
            chosen = chosen[:: -(-len(chosen) // _MOST_CANDIDATES)]
        offsets = v_template[chosen] - position
        distance = np.linalg.norm(offsets, axis=1) / reaches[joint]
        matrix = np.concatenate(
            [
                _TEMPLATE_WEIGHT * offsets.T,
                shapedirs[chosen].transpose(1, 2, 0).reshape(-1, len(chosen)),
                _EXPRESSION_WEIGHT * exprdirs[chosen].transpose(1, 2, 0).reshape(-1, len(chosen)),
                np.full((1, len(chosen)), _SUM_WEIGHT),
                _DISTANCE_WEIGHT * np.diag(0.2 + distance),
            ]
        )
        target = np.zeros(len(matrix))
        target[3 : 3 + joint_dirs[joint].size] = joint_dirs[joint].ravel()
        target[-len(chosen) - 1] = _SUM_WEIGHT
        weights, _ = nnls(matrix, target, maxiter=20 * len(chosen))
        weights[weights < 1e-3] = 0.0
        result[joint, chosen] = weights / weights.sum()
    return result


def _reaches(count: int) -> np.ndarray:
    """(J,) how far from each joint its vertices may lie, metres."""
    reaches = np.full(count, _BODY_REACH)
    for name, joint in JOINT_INDEX.items():
        stem = name.removeprefix("left_").removeprefix("right_")
        if joint >= JOINT_INDEX["left_index1"]:
            reaches[joint] = _FINGER_REACH
        elif stem in _TRUNK:
            reaches[joint] = _TRUNK_REACH
    return reaches
