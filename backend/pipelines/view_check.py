"""Refuses views that hold no whole person, before any time goes into lifting them."""

from __future__ import annotations

import torch
from torch import Tensor

from ..models.autoencoder import resize
from ..protocol.errors import DoppelError

LEAST_COVERAGE = 0.01
"""Share of the picture that a person must cover."""
LEAST_OF_BODY = 0.5
"""Share of the body's silhouette that a person must cover; clothed people cover 0.9 and more."""
LEAST_OVERLAP = 0.25
"""Intersection over union of the person's and the body's silhouettes; wide skirts and coats reach 0.5."""
MOST_AT_EDGE = 0.04
"""Share of one edge of the picture that a person may touch; the frame leaves 7% of room about the body."""
_SIZE = 256


def check_view(rgba: Tensor, side: str, body: Tensor | None = None) -> None:
    """Refuse what cannot be lifted.

    Args:
        rgba: [4, H, H] straight RGBA in [0, 1], any size.
        side: "front" or "back", for the message.
        body: [S, S] silhouette of the posed body, 0 or 1; without it only the picture is judged.

    Raises:
        DoppelError: ``lift_bad_view`` (not a square RGBA picture, or not of numbers), ``lift_empty_view``,
            ``lift_cut_view`` (the person runs into the picture's edge), ``lift_no_cutout`` (no background is
            transparent) or ``lift_no_person`` (what is there does not stand where the body stands).
    """
    if rgba.ndim != 3 or rgba.shape[0] != 4 or rgba.shape[1] != rgba.shape[2] or not rgba.numel():
        raise DoppelError(
            "lift_bad_view",
            f"the {side} view has the shape {tuple(rgba.shape)}, not (4, size, size)",
            "give a square picture with an alpha channel",
        )
    if not bool(torch.isfinite(rgba).all()):
        raise DoppelError(
            "lift_bad_view", f"the {side} view holds values that are no numbers", "generate it again with another seed"
        )
    solid = rgba[3] > 0.5
    share = float(solid.float().mean())
    if share < LEAST_COVERAGE:
        raise DoppelError(
            "lift_empty_view",
            f"the {side} view is empty: {share:.1%} of it is covered by a person",
            "try another seed, more steps or a plainer prompt",
        )
    if share > 0.95:
        raise DoppelError(
            "lift_no_cutout",
            f"the {side} view has no transparent background, so the person's outline is unknown",
            "cut the person out, or try another seed",
        )
    edges = torch.stack([solid[0], solid[-1], solid[:, 0], solid[:, -1]])
    if float(edges.float().mean(1).amax()) > MOST_AT_EDGE:
        raise DoppelError(
            "lift_cut_view",
            f"the person in the {side} view is cut by the picture's edge",
            "choose a pose that fits the frame, or another seed",
        )
    if body is not None:
        _check_stance(rgba, side, body)


def _check_stance(rgba: Tensor, side: str, body: Tensor) -> None:
    person = resize(rgba[None].float().cpu(), _SIZE)[0, 3] > 0.5
    wanted = torch.nn.functional.interpolate(body[None, None].float().cpu(), size=(_SIZE, _SIZE), mode="area")[0, 0]
    wanted = wanted > 0.5
    common = float((person & wanted).sum())
    covered, overlap = common / max(float(wanted.sum()), 1.0), common / float((person | wanted).sum())
    if covered < LEAST_OF_BODY or overlap < LEAST_OVERLAP:
        raise DoppelError(
            "lift_no_person",
            f"the {side} view shows no person in the pose asked for: it covers {covered:.0%} of the body",
            "try another seed or a pose that is less unusual; for a photo, fit the body to it first",
        )
