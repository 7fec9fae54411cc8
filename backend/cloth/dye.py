"""One dye a garment: plain cloth has one colour, before and behind, and only folds and light change how it looks.

Denoisers are asked for plain clothes (see :mod:`backend.pipelines.fabric`); stains and a back of another colour than
its front are faults.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..geometry.color import lab_to_srgb, srgb_to_lab
from ..models.labels import Label
from .garment import garment_of

DYED = (Label.UPPER, Label.LOWER)
TINT_KEPT = 0.4
"""Of a pixel's distance in tint (Lab's a and b) from its garment's colour."""
SHADE = 18.0
"""Lightness by which folds and light change a garment's colour, at about the most."""
BEHIND = 4.0
"""By how much a back may be lighter or darker than its front."""

Dyes = dict[Label, Tensor]
"""Lab colours (3,) of the garments of a view."""


def dyes_of(view: Tensor, labels: Tensor) -> Dyes:
    """Colours of the garments of a view (4, H, W), by labels (H', W')."""
    found = {label: garment_of(view, labels, label) for label in DYED}
    return {label: garment.lab for label, garment in found.items() if garment is not None}


def evenly_dyed(view: Tensor, labels: Tensor, front: Dyes | None = None) -> Tensor:
    """``view`` (4, H, W), straight RGBA in [0, 1], with each garment in one colour; alpha stays.

    ``labels`` (H', W') are its own; ``front`` gives the colours that a back must share.
    """
    on_cpu, labels = view.float().cpu(), labels.cpu()
    rgb = on_cpu[:3].permute(1, 2, 0).clone()
    for label in DYED:
        garment = garment_of(on_cpu, labels, label)
        if garment is None:
            continue
        dye = garment.lab.clone()
        if front is not None and label in front:
            dye[1:] = front[label][1:]
            dye[0] = dye[0].clamp(front[label][0] - BEHIND, front[label][0] + BEHIND)
        chosen = garment.amount > 0
        lab = srgb_to_lab(rgb[chosen])
        off = lab - garment.lab
        shade = SHADE * torch.tanh(off[:, :1] / SHADE)
        even = dye + torch.cat([shade, TINT_KEPT * off[:, 1:]], dim=1)
        rgb[chosen] = lab_to_srgb(torch.lerp(lab, even, garment.amount[chosen].unsqueeze(1)))
    return torch.cat([rgb.permute(2, 0, 1).clamp(0, 1), on_cpu[3:]]).to(view)
