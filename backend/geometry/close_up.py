"""A close-up: a square window of the picture, seen again at four times the detail.

A head is thirty pixels of a 256-pixel picture. The close-up shows the same rays with pixels a quarter as wide, so that
it can be painted with eyes and pasted back into a picture of 1024 pixels without resampling.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from rigging.joints import JOINT_INDEX

from .view_frame import ViewFrame

PICTURE = 256
WINDOW = 48
DETAIL = 4
CLOSE_UP_SIZE = WINDOW * DETAIL
_FEATHER = 12


@dataclass(frozen=True)
class CloseUp:
    """The window's upper left corner in pixels of the 256-pixel picture."""

    left: int
    top: int

    @classmethod
    def of_head(cls, frame: ViewFrame, vertices: np.ndarray, weights: np.ndarray) -> CloseUp:
        """About the head of a posed body: vertices (V, 3) in metres, skin weights (V, 55)."""
        joints = [JOINT_INDEX[name] for name in ("head", "jaw", "left_eye_smplhf", "right_eye_smplhf")]
        head = frame.to_view(vertices[weights[:, joints].sum(1) > 0.5])
        x, y = ((head.min(0) + head.max(0)) / 2)[:2]
        left, top = (x + 1) / 2 * PICTURE - WINDOW / 2, (1 - y) / 2 * PICTURE - WINDOW / 2
        return cls(*(int(np.clip(round(float(edge)), 0, PICTURE - WINDOW)) for edge in (left, top)))

    def frame(self, whole: ViewFrame) -> ViewFrame:
        """The view frame whose picture is this window of ``whole``'s."""
        share = WINDOW / PICTURE
        x = (self.left + WINDOW / 2) / PICTURE * 2 - 1
        y = 1 - (self.top + WINDOW / 2) / PICTURE * 2
        centre = whole.to_world(np.array([x, y, 0.0]))
        return ViewFrame(whole.scale / share, (float(centre[0]), float(centre[1]), float(centre[2])))

    def crop(self, picture: Tensor) -> Tensor:
        """The window (..., 48 k, 48 k) of pictures (..., 256 k, 256 k)."""
        k = picture.shape[-1] // PICTURE
        rows = slice(self.top * k, (self.top + WINDOW) * k)
        return picture[..., rows, self.left * k : (self.left + WINDOW) * k]

    def paste(self, picture: Tensor, detail: Tensor) -> Tensor:
        """Pictures (B, C, 1024, 1024) with ``detail`` (B, C, 192, 192) in the window, faded in from its border."""
        ramp = ((torch.arange(CLOSE_UP_SIZE, device=picture.device) + 0.5) / _FEATHER).clamp(0, 1)
        ramp = torch.minimum(ramp, ramp.flip(0))
        amount = functional.pad(
            (ramp[:, None] * ramp[None]).expand(1, 1, -1, -1),
            [
                self.left * DETAIL,
                (PICTURE - WINDOW - self.left) * DETAIL,
                self.top * DETAIL,
                (PICTURE - WINDOW - self.top) * DETAIL,
            ],
        )
        whole = picture.clone()
        self.crop(whole).copy_(detail)
        return picture + (whole - picture) * amount
