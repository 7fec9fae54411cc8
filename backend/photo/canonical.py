"""The photo brought to the front view's frame: the same pixels, seen where the fitted body stands in its view cube."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt
from torch import Tensor

from ..geometry.view_frame import ViewFrame
from .crop import Square
from .fit import WeakPerspective
from .read import Photo

SOLID = 0.95
_FEATHER = 1 / 80  # of the view, over which the photo passes into what is made up


@dataclass(frozen=True)
class FrontPhoto:
    """The person as the photo shows them, in the front view's pixels."""

    rgba: Tensor  # [4, S, S] straight alpha in [0, 1]; colours run on beyond the outline
    known: Tensor  # [S, S] bool: the photo shows this pixel, person or background

    def limited_to(self, region: Tensor) -> FrontPhoto:
        """The same, known only within ``region`` (S, S) bool."""
        return FrontPhoto(self.rgba, self.known & region)

    @property
    def complete(self) -> bool:
        """Whether nothing is to be made up."""
        return bool(self.known.all())

    def over(self, rgba: Tensor) -> Tensor:
        """The photo over a generated front (4, S, S), blended just inside what the photo shows."""
        if self.complete:
            return self.rgba.to(rgba)
        weight = distance_transform_edt(self.known.numpy()) / (_FEATHER * len(self.known))
        blend = torch.from_numpy(weight.astype(np.float32)).clamp(0, 1).to(rgba)
        photo = self.rgba.to(rgba)
        alpha = torch.lerp(rgba[3], photo[3], blend)
        # where only one of the two has a surface, its colour alone counts
        share = blend * photo[3] / (blend * photo[3] + (1 - blend) * rgba[3]).clamp_min(1e-4)
        return torch.cat([torch.lerp(rgba[:3], photo[:3], share), alpha[None]])


def to_front(
    photo: Photo, alpha: NDArray[np.float32], camera: WeakPerspective, frame: ViewFrame, size: int
) -> FrontPhoto:
    """Warp a photo into the front view.

    Args:
        photo: the picture.
        alpha: (H, W) cut-out of the person in [0, 1].
        camera: of the fitted body.
        frame: of the same body, in the same metres.
        size: S, height and width of the front view in pixels.
    """
    middle = camera.to_pixels(np.array(frame.offset))
    square = Square(float(middle[0]), float(middle[1]), 2 / frame.scale * camera.scale)
    rgb = square.cut(Image.fromarray(photo.rgb), size)
    cover = square.cut(Image.fromarray((alpha * 255).round().astype(np.uint8)), size)
    height, width = photo.size
    steps = (np.arange(size) + 0.5) / size
    grid = square.to_picture(np.stack(np.meshgrid(steps, steps), axis=-1))
    # a pixel at the photo's rim is mixed with the black beyond it
    rim = max(1.0, square.side / size)
    inside = ((grid >= rim) & (grid <= (width - rim, height - rim))).all(-1)
    cover = np.where(inside, cover, 0.0).astype(np.float32)
    solid = cover > SOLID
    if solid.any():  # at the outline the background shines through: take the colours from further inside
        row, column = distance_transform_edt(~solid, return_distances=False, return_indices=True)
        rgb = rgb[row, column]
    rgba = torch.from_numpy(np.concatenate([rgb, cover[..., None]], axis=-1)).permute(2, 0, 1).contiguous()
    return FrontPhoto(rgba, torch.from_numpy(inside))
