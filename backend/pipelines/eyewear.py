"""Glasses that a prompt names, drawn before the eyes by rule.

A frame is thinner than a cell of the close-ups' latents, and the denoisers paint one in half of the tries. It is drawn
where the body's own eyes are, in the pose of its head, and behind hair that falls over the face.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor
from torch.nn import functional

from rigging.joints import JOINT_INDEX

from ..geometry.rasterize import rasterize
from ..models.labels import Label
from .body import PosedSubject

LENS = (0.026, 0.019)
"""Half the width and height of a lens, metres."""
BEFORE = 0.025
"""Metres from the middle of an eye to the plane of the lenses."""
RIM = 0.004
"""Width of the rim, metres."""
RIM_COLOUR = (0.05, 0.045, 0.045)
TINT, TINT_OF_SUNGLASSES = 0.25, 0.9
"""How much of what lies behind a lens it hides."""
_SUNGLASSES = re.compile(r"\b(?:sun-?glasses|shades|dark glasses)\b", re.I)
_OVER = 4  # pixels drawn along each of the picture's

Curve = NDArray[np.float64]


def tint_of(prompt: str, words: Mapping[str, str]) -> float | None:
    """How dark the lenses are that a prompt asks for; None where it asks for no glasses.

    ``words`` by slot are what the prompt encoder reads in it.
    """
    if words.get("eyewear") != "glasses":
        return None
    return TINT_OF_SUNGLASSES if _SUNGLASSES.search(prompt) else TINT


def with_glasses(front: Tensor, labels: Tensor, subject: PosedSubject, tint: float) -> Tensor:
    """A front view (4, S, S) of straight RGBA in [0, 1] with glasses; as it is where the face is not seen.

    Args:
        front: the view.
        labels: [H, W] Label of its pixels.
        subject: the posed body.
        tint: of the lenses, 0 for clear ones, 1 for such as nothing is seen through.
    """
    size = front.shape[-1]
    head = subject.posed.transforms[JOINT_INDEX["head"], :3, :3]
    if head[2, 2] < 0.35:  # the face is turned away
        return front
    lenses, lines = _frame(subject, head)
    surface = rasterize(subject.vertices, subject.faces, size)[0]
    canvas = [Image.new("L", (size * _OVER, size * _OVER)) for _ in range(2)]
    glass, rim = (ImageDraw.Draw(image) for image in canvas)
    width = max(1, round(RIM * subject.frame.scale * size / 2 * _OVER))
    pixels = [_pixels(lens, subject, size) for lens in lenses]
    for lens in pixels:
        glass.polygon([(x, y) for x, y, _ in lens], fill=255)
        rim.line([(x, y) for x, y, _ in [*lens, *lens[:2]]], fill=255, width=width, joint="curve")
    depth = surface.depth.cpu().numpy()
    reach = 0.004 * subject.frame.scale
    for line in lines:
        seen = [(x, y) for x, y, z in _pixels(line, subject, size) if _before(depth, x, y, z + reach)]
        if len(seen) > 1:
            rim.line(seen, fill=255, width=width)
    amounts = [_reduced(image, size).to(front) for image in canvas]
    hair = (labels == Label.HAIR).float()[None, None].to(front)
    free = (1 - functional.interpolate(hair, size, mode="bilinear")[0, 0]) * (front[3] > 0.5)
    rgb = torch.lerp(front[:3], front.new_tensor([0.02, 0.02, 0.025]).view(3, 1, 1), tint * amounts[0] * free)
    rgb = torch.lerp(rgb, front.new_tensor(RIM_COLOUR).view(3, 1, 1), amounts[1] * free)
    return torch.cat([rgb, front[3:]])


def _frame(subject: PosedSubject, head: Curve) -> tuple[list[Curve], list[Curve]]:
    """Outlines of the lenses, and bridge and temples: curves (N, 3) in world space."""
    eyes = [subject.posed.joints[JOINT_INDEX[f"{side}_eye_smplhf"]] for side in ("left", "right")]
    angle = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    outline = np.sign(circle) * np.abs(circle) ** (2 / 3)  # a rounded rectangle
    flat = np.concatenate([outline * LENS, np.zeros((48, 1))], axis=1) + [0, -0.003, BEFORE]
    lenses = [eye + flat @ head.T for eye in eyes]
    apart = float(np.linalg.norm(eyes[0] - eyes[1]))
    bridge = np.linspace([LENS[0] - apart / 2, 0.004, BEFORE], [apart / 2 - LENS[0], 0.004, BEFORE], 12)
    middle = (eyes[0] + eyes[1]) / 2
    lines = [middle + bridge @ head.T]
    for side in (1, -1):
        hinge, ear = [side * (apart / 2 + LENS[0]), 0.006, BEFORE], [side * 0.078, 0.004, -0.07]
        lines.append(middle + np.linspace(hinge, ear, 40) @ head.T)
    return lenses, lines


def _pixels(curve: Curve, subject: PosedSubject, size: int) -> list[tuple[float, float, float]]:
    """Column and row on the canvas, and depth in view space, of points in world space."""
    x, y, z = subject.frame.to_view(curve).T
    return list(zip((x + 1) / 2 * size * _OVER, (1 - y) / 2 * size * _OVER, z, strict=True))


def _before(depth: NDArray[np.float32], x: float, y: float, z: float) -> bool:
    """Whether a point lies before the surface that is seen in its pixel."""
    row, column = int(y / _OVER), int(x / _OVER)
    inside = 0 <= row < len(depth) and 0 <= column < len(depth)
    return inside and bool(depth[row, column] != 0) and z > float(depth[row, column])


def _reduced(image: Image.Image, size: int) -> Tensor:
    grey = image.resize((size, size), Image.Resampling.BOX)
    return torch.from_numpy(np.asarray(grey, dtype=np.float32) / 255)
