"""Which part of the body each pixel shows, and where on it clothes, hair and skin are sure to be found.

Read from the posed body alone, never from the picture: the same pixels are read whatever was painted there.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import torch
from torch import Tensor

from rigging.body_model import BodyModel
from rigging.joints import JOINT_INDEX
from rigging.parts import PART_INDEX

from ..geometry.rasterize import rasterize
from ..pipelines.body import PosedSubject
from ..protocol.errors import DoppelError

PARTS_SIZE = 256


class Part(IntEnum):
    """Parts that wear one thing."""

    NONE = 0
    TORSO = 1  # shoulders and belly
    CHEST = 2  # below the armpits, what the shortest top covers
    HIPS = 3  # where upper and lower garment overlap
    SLEEVE = 4  # the arm next to the shoulder, what the shortest sleeve covers
    ARM = 5
    HAND = 6
    THIGH = 7  # upper half of the upper leg
    KNEE = 8  # lower half of the upper leg
    SHIN = 9  # upper half of the lower leg
    ANKLE = 10
    FOOT = 11
    NECK = 12
    HEAD = 13  # what is neither of the next two: ears, jaw, brow
    FACE = 14  # cheeks and nose
    SCALP = 15  # crown and back of the head


LONG_LEGS = ("trousers", "jeans", "overalls", "long skirt")
"""Lower garments that reach the ankles."""
OPEN_FRONTS = ("suit jacket", "jacket", "coat")
"""Upper garments that show in front what is worn below them."""


def parts_of_vertices(model: BodyModel) -> np.ndarray:
    """The part (V,) of each vertex of the open body. Raises DoppelError for a body without part labels."""
    part_ids = model.part_ids
    if part_ids is None:
        raise DoppelError("body_parts", f"the body {model.name} has no part labels", "measure with the open body")
    joints = model.J_regressor @ model.v_template
    height = {name: joints[JOINT_INDEX[name], 1] for name in ("left_hip", "left_knee", "left_ankle")}
    eye, shoulder = joints[JOINT_INDEX["left_eye_smplhf"]], joints[JOINT_INDEX["left_shoulder"]]
    x, y, z = model.v_template.T
    middle = z[part_ids == PART_INDEX["head"]].mean()

    def named(*names: str) -> np.ndarray:
        return np.isin(part_ids, [PART_INDEX[name] for name in names])

    def both(name: str) -> np.ndarray:
        return named(f"left_{name}", f"right_{name}")

    upper_leg, lower_leg, head = both("upper_leg"), both("lower_leg"), named("head", "mouth", "tongue") | both("eye")
    high_thigh = y > (height["left_hip"] + height["left_knee"]) / 2
    high_shin = y > (height["left_knee"] + height["left_ankle"]) / 2
    chest = (y < shoulder[1] - 0.09) & (y > shoulder[1] - 0.2)
    sleeve = np.abs(x) < np.abs(shoulder[0]) + 0.1
    cheeks = (y < eye[1] - 0.015) & (y > eye[1] - 0.06) & (np.abs(x) < 0.055) & (z > eye[2] - 0.03)
    crown = (y > eye[1] + 0.075) | ((y > eye[1] - 0.01) & (z < middle - 0.02))
    part = np.full(len(y), Part.NONE, np.int64)
    for where, which in (
        (named("torso"), Part.TORSO),
        (named("torso") & chest, Part.CHEST),
        (named("hips"), Part.HIPS),
        (both("upper_arm") | both("lower_arm"), Part.ARM),
        (both("upper_arm") & sleeve, Part.SLEEVE),
        (both("hand"), Part.HAND),
        (upper_leg & high_thigh, Part.THIGH),
        (upper_leg & ~high_thigh, Part.KNEE),
        (lower_leg & high_shin, Part.SHIN),
        (lower_leg & ~high_shin, Part.ANKLE),
        (both("foot"), Part.FOOT),
        (named("neck"), Part.NECK),
        (head, Part.HEAD),
        (head & cheeks, Part.FACE),
        (head & crown, Part.SCALP),
    ):
        part[where] = which
    return part


def part_images(subject: PosedSubject, size: int = PARTS_SIZE) -> Tensor:
    """The :class:`Part` (2, size, size) int64 that front and back cameras see of the bare body."""
    of_face = torch.from_numpy(parts_of_vertices(subject.model)[subject.model.faces[:, 0]]).to(subject.device)
    layers = rasterize(subject.vertices, subject.faces, size)
    return torch.stack([torch.where(layer.mask, of_face[layer.face.clamp_min(0)], 0) for layer in layers])


def where_to_read(slot: str, attributes: dict[str, str], parts: Tensor) -> Tensor:
    """The pixels (2, H, W) bool of :func:`part_images` that show the colour of a slot of someone with ``attributes``.

    Clothes are read where the shortest of their kind reach and neither hair, bibs nor open jackets hide them; hair on
    the scalp, since what hangs varies.
    """
    front = torch.tensor([True, False], device=parts.device).view(2, 1, 1)
    if slot == "upper_colour":
        hidden = attributes.get("lower_kind") == "overalls" or attributes.get("upper_kind") in OPEN_FRONTS
        chosen = (parts == (Part.SLEEVE if hidden else Part.CHEST)) & front
    elif slot == "lower_colour":
        long = attributes.get("lower_kind") in LONG_LEGS
        chosen = torch.isin(parts, torch.tensor([Part.KNEE, Part.SHIN] if long else [Part.THIGH]).to(parts))
    elif slot == "shoes_colour":
        chosen = (parts == Part.FOOT) & front  # from behind one sees soles
    elif slot == "hair_colour":
        chosen = parts == Part.SCALP
    elif slot == "skin_tone":
        chosen = (parts == Part.FACE) & front
    else:
        raise ValueError(f"{slot} is no colour")
    return chosen
