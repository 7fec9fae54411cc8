"""Ten expression components from MakeHuman's 52 ARKit face units."""

from __future__ import annotations

import numpy as np

_UNIT_DEVIATION = 0.3  # of a face unit's activation in a face that shows an expression
# The jaw joint opens the mouth, and turned the other way round these units tear the face.
_LEFT_OUT = ("jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "tongueOut")
_PAIR_CORRELATION = 0.8  # between the left and the right unit of a pair


def expression_components(names: list[str], deltas: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Principal components of random mixes of face units, about the neutral face.

    Args:
        names: U unit names, pairs ending in Left and Right; deltas: (U, V, 3) metres; count: components.

    Returns:
        directions (V, 3, count) at one standard deviation, and the map (U, count) that turns unit activations
        into the coefficients nearest to them; its rows of the jaw's and the tongue's units are zero.
    """
    used = np.array([name not in _LEFT_OUT for name in names])
    covariance = np.eye(len(names))
    for row, name in enumerate(names):
        if name.endswith("Left") and (other := name.removesuffix("Left") + "Right") in names:
            column = names.index(other)
            covariance[row, column] = covariance[column, row] = _PAIR_CORRELATION
    factor = np.linalg.cholesky(covariance[np.ix_(used, used)] * _UNIT_DEVIATION**2)
    flat = deltas[used].reshape(int(used.sum()), -1)
    _, scales, directions = np.linalg.svd(factor.T @ flat, full_matrices=False)
    directions, scales = directions[:count], scales[:count]
    signs = np.sign((directions @ flat.T).sum(axis=1))  # more activation is a positive coefficient
    directions *= signs[:, None]
    to_coefficients = np.zeros((len(names), count))
    to_coefficients[used] = flat @ directions.T / scales
    return (directions * scales[:, None]).reshape(count, -1, 3).transpose(1, 2, 0), to_coefficients
