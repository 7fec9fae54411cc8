"""Joint regressors: each joint as a sparse convex combination of nearby vertices."""

from __future__ import annotations

import numpy as np
from scipy.optimize import nnls
from scipy.spatial import cKDTree

from ..joints import JOINT_INDEX

_REACH = 0.3  # metres from a body joint
_FINGER_REACH = 0.06
_MOST_CANDIDATES = 1500
_FIRST_FINGER_JOINT = JOINT_INDEX["left_index1"]
_SUM_WEIGHT = 30.0
_TEMPLATE_WEIGHT = 3.0
_EXPRESSION_WEIGHT = 3.0


def fit_joint_regressor(
    v_template: np.ndarray,
    shapedirs: np.ndarray,
    exprdirs: np.ndarray,
    joints: np.ndarray,
    joint_dirs: np.ndarray,
    candidates: list[np.ndarray | None],
) -> np.ndarray:
    """Non-negative least squares over the model's own linear space.

    Args:
        v_template: (V, 3); shapedirs: (V, 3, B); exprdirs: (V, 3, E).
        joints: (J, 3) joints of the mean shape; joint_dirs: (J, 3, B) their change with each beta.
        candidates: vertices that may carry each joint; None for the nearest ones.

    Returns:
        (J, V) regressor: rows are non-negative and sum to 1. Expressions move no joint as far as possible.
    """
    tree = cKDTree(v_template)
    result = np.zeros((len(joints), len(v_template)))
    for joint, position in enumerate(joints):
        chosen = candidates[joint]
        if chosen is None:
            reach = _FINGER_REACH if joint >= _FIRST_FINGER_JOINT else _REACH
            chosen = np.array(tree.query_ball_point(position, reach))
            chosen = chosen[:: max(1, len(chosen) // _MOST_CANDIDATES)]
        matrix = np.concatenate(
            [
                _TEMPLATE_WEIGHT * (v_template[chosen] - position).T,
                shapedirs[chosen].transpose(1, 2, 0).reshape(-1, len(chosen)),
                _EXPRESSION_WEIGHT * exprdirs[chosen].transpose(1, 2, 0).reshape(-1, len(chosen)),
                np.full((1, len(chosen)), _SUM_WEIGHT),
            ]
        )
        target = np.concatenate(
            [np.zeros(3), joint_dirs[joint].ravel(), np.zeros(3 * exprdirs.shape[2]), [_SUM_WEIGHT]]
        )
        weights, _ = nnls(matrix, target, maxiter=20 * len(chosen))
        weights[weights < 1e-4] = 0.0
        result[joint, chosen] = weights / weights.sum()
    return result
