"""The cube in which a person is seen: one scale and one offset, kept with every image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

FILL = 0.86
"""Share of the cube's side that the posed body's longest axis takes; the rest is room for hair, hats and skirts."""


@dataclass(frozen=True)
class ViewFrame:
    """Map between metres (SMPL-X frame, Y up, facing +Z) and the view cube [-1, 1]^3, orthographic along Z.

    Pixels: ``u = (x + 1) / 2 * width``, ``v = (1 - y) / 2 * height``. Front and back images share them, since the
    back image is stored as seen through the body.
    """

    scale: float
    offset: tuple[float, float, float]

    @classmethod
    def of_body(cls, vertices: np.ndarray, fill: float = FILL) -> ViewFrame:
        """Frame the box of ``vertices`` (V, 3) in metres so that its longest side takes ``fill`` of the cube's."""
        low, high = np.asarray(vertices).min(0), np.asarray(vertices).max(0)
        scale = 2.0 * fill / float((high - low).max())
        x, y, z = ((low + high) / 2).tolist()
        return cls(scale, (x, y, z))

    def to_view(self, points: Any) -> Any:
        """Metres (..., 3) to the cube; numpy or torch."""
        return (points - self._offset_like(points)) * self.scale

    def to_world(self, points: Any) -> Any:
        """Cube (..., 3) to metres; numpy or torch."""
        return points / self.scale + self._offset_like(points)

    def _offset_like(self, points: Any) -> Any:
        if isinstance(points, np.ndarray):
            return np.asarray(self.offset, dtype=points.dtype)
        return points.new_tensor(self.offset)

    def to_dict(self) -> dict[str, Any]:
        return {"scale": self.scale, "offset": list(self.offset)}

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> ViewFrame:
        x, y, z = (float(value) for value in data["offset"])
        return cls(float(data["scale"]), (x, y, z))
