"""Eyes that are pieces of their own turn in their sockets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .joints import JOINT_INDEX
from .mesh_graph import components, unique_edges

EYES = (JOINT_INDEX["left_eye_smplhf"], JOINT_INDEX["right_eye_smplhf"])
LARGEST = 0.025  # metres from the joint to the furthest point of an eyeball with its cornea


def bind_eyeballs(
    weights: NDArray[np.float64],
    vertices: NDArray[np.floating],
    faces: NDArray[np.integer],
    joints: NDArray[np.floating],
) -> NDArray[np.float64]:
    """Skin weights (V, J) in which every piece that lies wholly around an eye's joint follows that joint alone.

    Args:
        weights: (V, J); vertices: (V, 3) metres, without split seams; faces: (F, 3).
        joints: (J, 3) in the same pose.
    """
    piece = components(unique_edges(faces), len(vertices))
    result = weights
    for eye in EYES:
        away = np.linalg.norm(np.asarray(vertices, np.float64) - joints[eye], axis=1)
        outside = np.bincount(piece, away > LARGEST) > 0
        ball = ~outside[piece]
        if ball.any():
            result = result.copy()
            result[ball] = np.eye(weights.shape[1])[eye]
    return result
