"""One person's pictures against what the prompt asked for and against the true person."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..geometry.close_up import CloseUp
from ..models.autoencoder import resize
from ..pipelines.body import PosedSubject
from .cases import Case
from .colours import COLOUR_SLOTS, is_colour, read_colour
from .judge import JUDGED, Judge
from .parts import PARTS_SIZE, part_images, where_to_read
from .silhouettes import iou, outline_step, share_inside

SIZE = 512
HEADLINE = (
    "gender", "skin_tone", "hair_style", "hair_colour", "upper_kind", "upper_colour", "lower_kind", "lower_colour",
)  # fmt: skip
"""The attributes whose mean is the accuracy of prompts."""


@dataclass(frozen=True)
class Shown:
    """Front and back as some method shows a person, and the body on which its parts are found."""

    pictures: Tensor  # [2, 4, 512, 512] straight RGBA in [0, 1]
    subject: PosedSubject

    @classmethod
    def of(cls, pictures: Tensor, subject: PosedSubject) -> Shown:
        """Pictures (2, 4, S, S) of any size."""
        return cls(resize(pictures.float().cpu(), SIZE), subject)


def attributes_right(shown: Shown, case: Case, judge: Judge) -> dict[str, bool]:
    """For each attribute that the case's prompt names and that can be seen: whether the pictures have it."""
    visible = {slot for slot in case.named if slot in JUDGED or slot in COLOUR_SLOTS}
    if case.sample.attributes.get("headwear", "none") != "none":
        visible -= {"hair_style", "hair_colour"}
    subject = shown.subject
    close = CloseUp.of_head(subject.frame, subject.posed.vertices, subject.model.weights)
    answers = judge.read(shown.pictures, close)
    parts = part_images(subject).cpu()
    small = resize(shown.pictures, PARTS_SIZE)
    right = {}
    for slot in sorted(visible):
        if slot in COLOUR_SLOTS:
            found = read_colour(small, where_to_read(slot, case.sample.attributes, parts))
            right[slot] = is_colour(slot, found, case.named[slot])
        else:
            right[slot] = answers[slot] == case.named[slot]
    return right


def shape_figures(shown: Shown, truth: Tensor, body: Tensor) -> dict[str, float | None]:
    """The front's silhouette against those (512, 512) of the clothed truth and the bare body; the step to the back."""
    return {
        "iou": iou(shown.pictures[0, 3], truth),
        "body_inside": share_inside(body, shown.pictures[0, 3]),
        "outline_step": outline_step(shown.pictures),
    }


def true_pictures(case: Case) -> Tensor:
    """Front and back (2, 4, 512, 512) in [0, 1] of the person itself."""
    return torch.stack([case.sample.front, case.sample.back]).float() / 255
