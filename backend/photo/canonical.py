"""A photo brought to the frame of the views: the same pixels, seen where the fitted body stands in its view cube."""

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
_REACH = 1 / 50  # of the view, up to which a photo's colours run on to another photo's outline


@dataclass(frozen=True)
class ViewPhoto:
    """The person as a photo shows them, in a view's pixels."""

    rgba: Tensor  # [4, S, S] straight alpha in [0, 1]; colours run on beyond the outline
    known: Tensor  # [S, S] bool: the photo shows this pixel, person or background

    def limited_to(self, region: Tensor) -> ViewPhoto:
        """The same, known only within ``region`` (S, S) bool."""
        return ViewPhoto(self.rgba, self.known & region)

    def within(self, alpha: Tensor) -> ViewPhoto:
        """The same with another outline, ``alpha`` (S, S), that of the other side: what lies beyond it is cut off.

        Colours run on to it over a small gap, such as a cut-out's error. Where the person of the photo is further
        away, since an arm hangs otherwise, nothing is known.
        """
        if not bool((self.rgba[3] > SOLID).any()):
            return ViewPhoto(self.rgba, torch.zeros_like(self.known))
        away = torch.from_numpy(distance_transform_edt((self.rgba[3] <= SOLID).numpy()))
        gap = (away > _REACH * len(alpha)) & (alpha.cpu() > 0.5)
        return ViewPhoto(torch.cat([self.rgba[:3], alpha[None].cpu()]), self.known & ~gap)

    @property
    def complete(self) -> bool:
        """Whether nothing is to be made up."""
        return bool(self.known.all())

    def over(self, rgba: Tensor) -> Tensor:
        """The photo over a generated view (4, S, S), blended just inside what the photo shows."""
        if self.complete:
            return self.rgba.to(rgba)
        weight = distance_transform_edt(self.known.numpy()) / (_FEATHER * len(self.known))
        blend = torch.from_numpy(weight.astype(np.float32)).clamp(0, 1).to(rgba)
        photo = self.rgba.to(rgba)
        alpha = torch.lerp(rgba[3], photo[3], blend)
        # where only one of the two has a surface, its colour alone counts
        share = blend * photo[3] / (blend * photo[3] + (1 - blend) * rgba[3]).clamp_min(1e-4)
        return torch.cat([torch.lerp(rgba[:3], photo[:3], share), alpha[None]])


def to_view(
    photo: Photo,
    alpha: NDArray[np.float32],
    camera: WeakPerspective,
    frame: ViewFrame,
    size: int,
    behind: bool = False,
) -> ViewPhoto:
    """Warp a photo into the front view, or one from behind into the back view, which is seen through the body.

    Args:
        photo: the picture.
        alpha: (H, W) cut-out of the person in [0, 1].
        camera: of the fitted body; of the body after half a turn about the vertical, if ``behind``.
        frame: of the fitted body, unturned, in the same metres.
        size: S, height and width of the view in pixels.
        behind: whether the photo shows the person from behind.
    """
    middle = camera.to_pixels(np.array(frame.offset) * ((-1, 1, -1) if behind else 1))
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
    rgba, known = torch.from_numpy(np.concatenate([rgb, cover[..., None]], axis=-1)), torch.from_numpy(inside)
    if behind:  # the photo's left is the view's right
        rgba, known = rgba.flip(1), known.flip(1)
    return ViewPhoto(rgba.permute(2, 0, 1).contiguous(), known)
