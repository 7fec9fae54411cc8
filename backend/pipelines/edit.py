"""Editing: which latents of an earlier avatar stay while a prompt paints the rest anew."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional

from rigging.joints import JOINT_NAMES
from rigging.parts import PART_NAMES, part_of_joint

from ..geometry.close_up import PICTURE
from ..geometry.rasterize import rasterize
from ..models.autoencoder import Autoencoder, premultiply, resize
from ..models.labels import Label
from ..protocol.errors import DoppelError
from .body import PosedSubject
from .flow import Known
from .window import LATENT_SIZE, Window

_UPPER = ("torso", "left_upper_arm", "right_upper_arm", "left_lower_arm", "right_lower_arm")
_LOWER = ("hips", "left_upper_leg", "right_upper_leg", "left_lower_leg", "right_lower_leg")
_FEET = ("left_foot", "right_foot")
_HANDS = ("left_hand", "right_hand")
_HEAD = ("head", "neck", "left_eye", "right_eye", "tongue", "mouth")
AREAS: dict[str, tuple[str, ...]] = {
    "head": _HEAD,
    "upper": _UPPER,
    "lower": _LOWER,
    "shoes": _FEET,
    "outfit": _UPPER + _LOWER + _FEET,
    "person": _HEAD + _HANDS,
}
"""What can be changed, and the body parts where it is worn."""
SHOWN: dict[str, tuple[Label, ...]] = {
    "head": (Label.HAIR,),
    "upper": (Label.UPPER, Label.TRIM),
    "lower": (Label.LOWER,),
    "shoes": (Label.SHOES, Label.SOCKS),
    "outfit": (Label.UPPER, Label.TRIM, Label.LOWER, Label.SHOES, Label.SOCKS),
    "person": (Label.HAIR, Label.SKIN),
}
"""What goes with it wherever it is seen: a shirt that hangs over the hips, hair down the back, bare legs."""


@dataclass(frozen=True)
class Edit:
    """An earlier avatar's views and what of them shall change."""

    front: Tensor  # [4, S, S] straight RGBA in [0, 1]
    back: Tensor  # [4, S, S] as seen through the body
    change: frozenset[str]  # of AREAS

    def __post_init__(self) -> None:
        unknown = sorted(self.change - AREAS.keys())
        if unknown or not self.change:
            raise DoppelError(
                "edit_area",
                f"{unknown[0]!r} is nothing that can be changed" if unknown else "nothing is to be changed",
                f"choose from {', '.join(AREAS)}",
            )

    @property
    def views(self) -> Tensor:
        """Front and back, [2, 4, S, S]."""
        return torch.stack([self.front, self.back])

    @property
    def keeps_head(self) -> bool:
        return not self.change & {"head", "person"}


def earlier_latents(edit: Edit, subject: PosedSubject, autoencoder: Autoencoder, window: Window) -> Tensor:
    """Latents (2, C, 32, columns) of the earlier avatar's views."""
    views = edit.views.to(subject.device)
    return window.crop(autoencoder.encode(premultiply(resize(views, autoencoder.image_size))))


def known_latents(latents: Tensor, changed: Tensor, window: Window) -> tuple[Known, Known]:
    """What stays of the front and of the back: latents (2, C, 32, columns) off ``changed`` (2, 1, 256, 256)."""
    cells = functional.max_pool2d(changed.to(latents), PICTURE // LATENT_SIZE)
    kept = window.crop(1 - cells)
    return Known(latents[:1], kept[:1]), Known(latents[1:], kept[1:])


def with_kept_pixels(edit: Edit, changed: Tensor, front: Tensor, backs: Tensor) -> tuple[Tensor, Tensor]:
    """Front (1, 4, S, S) and backs (K, 4, S, S) with the earlier avatar's own pixels where nothing was to change, which
    is off ``changed`` (2, 1, 256, 256).

    Latents give back less than the picture had that they code: prints and faces would fade with every edit.
    """
    earlier = resize(edit.views.to(front), front.shape[-1])
    grown = functional.max_pool2d(changed.to(front), 5, 1, 2)
    soft = functional.avg_pool2d(grown, 5, 1, 2, count_include_pad=False)
    amount = functional.interpolate(soft, front.shape[-1], mode="bilinear")
    return torch.lerp(earlier[:1], front, amount[:1]), torch.lerp(earlier[1:], backs, amount[1:])


def changed_pixels(edit: Edit, subject: PosedSubject, labels: Tensor) -> Tensor:
    """1 where front and back may be painted anew, (2, 1, 256, 256): where what changes is worn, or seen elsewhere.

    Hair and skirts lie beside the body: such a pixel belongs to the nearest part. Hair stays where it hangs over
    clothes that change. ``labels`` (2, 256, 256) are the earlier avatar's.
    """
    parts = {part for area in edit.change for part in AREAS[area]}
    chosen = np.isin(part_ids(subject), [PART_NAMES.index(part) for part in parts])
    shown = torch.tensor([int(label) for area in edit.change for label in SHOWN[area]])
    sides = []
    for layer, label in zip(rasterize(subject.vertices, subject.faces, PICTURE), labels.cpu(), strict=True):
        corner = subject.faces[layer.face.clamp_min(0)][..., 0].cpu().numpy()
        mask = layer.mask.cpu().numpy()
        row, column = distance_transform_edt(~mask, return_distances=False, return_indices=True)
        side = torch.from_numpy(chosen[corner][row, column]) | torch.isin(label, shown)
        sides.append(side & (label != Label.HAIR) if edit.keeps_head else side)
    return torch.stack(sides).unsqueeze(1).float()


def part_ids(subject: PosedSubject) -> np.ndarray:
    """The part (V,) of each vertex; of a user's body, that of the joint with most weight."""
    model = subject.model
    if model.part_ids is not None:
        return model.part_ids
    of_joint = np.array([PART_NAMES.index(part_of_joint(name)) for name in JOINT_NAMES], dtype=np.uint8)
    return of_joint[model.weights.argmax(1)]


def parse_areas(words: Iterable[str]) -> frozenset[str]:
    """Names of areas as a user writes them, separated by commas or spaces."""
    return frozenset(name for word in words for name in word.lower().replace(",", " ").split())
