"""Parts lie where people wear things, in any pose, and baselines colour them as the prompt says."""

import numpy as np
import pytest
import torch

from backend.evaluation.colours import COLOUR_SLOTS, is_colour, read_colour
from backend.evaluation.parts import PARTS_SIZE, Part, part_images, parts_of_vertices, where_to_read
from backend.evaluation.picture_baselines import coloured_body
from backend.models.autoencoder import resize
from backend.pipelines.body import PosedSubject
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters

ATTRIBUTES = {
    "gender": "woman",
    "skin_tone": "dark",
    "hair_style": "short",
    "hair_colour": "blond",
    "upper_kind": "t-shirt",
    "upper_colour": "red",
    "lower_kind": "jeans",
    "lower_colour": "blue",
    "shoes_kind": "shoes",
    "shoes_colour": "white",
}


@pytest.fixture(scope="module")
def subject() -> PosedSubject:
    return PosedSubject.of(BodyModel.load(), BodyParameters.a_pose(), torch.device("cpu"))


def test_every_vertex_has_a_part_and_sides_agree() -> None:
    model = BodyModel.load()
    part = parts_of_vertices(model)
    assert (part != Part.NONE).all()
    assert set(part) == set(Part) - {Part.NONE}
    assert model.mirror is not None
    assert np.mean(part == part[model.mirror]) > 0.99


def test_parts_are_ordered_from_head_to_foot(subject: PosedSubject) -> None:
    parts = part_images(subject)
    assert parts.shape == (2, PARTS_SIZE, PARTS_SIZE)
    rows = [float((parts[0] == part).nonzero()[:, 0].float().mean()) for part in (
        Part.SCALP, Part.FACE, Part.CHEST, Part.HIPS, Part.THIGH, Part.KNEE, Part.SHIN, Part.ANKLE, Part.FOOT,
    )]  # fmt: skip
    assert rows == sorted(rows)
    assert not bool((parts[1] == Part.FACE).any())


def test_what_is_hidden_is_read_elsewhere(subject: PosedSubject) -> None:
    parts = part_images(subject)
    bib = where_to_read("upper_colour", {"upper_kind": "t-shirt", "lower_kind": "overalls"}, parts)
    assert set(parts[bib].tolist()) == {Part.SLEEVE}
    shorts = where_to_read("lower_colour", {"lower_kind": "shorts"}, parts)
    assert set(parts[shorts].tolist()) == {Part.THIGH}
    with pytest.raises(ValueError, match="no colour"):
        where_to_read("pattern", {}, parts)


@pytest.mark.parametrize("slot", [s for s in COLOUR_SLOTS if s != "skin_tone"])
def test_a_body_coloured_as_asked_reads_as_asked(subject: PosedSubject, slot: str) -> None:
    pictures = resize(coloured_body(subject, ATTRIBUTES, 256), PARTS_SIZE)
    found = read_colour(pictures, where_to_read(slot, ATTRIBUTES, part_images(subject)))
    assert is_colour(slot, found, ATTRIBUTES[slot])
    others = {**ATTRIBUTES, "upper_colour": "green", "lower_colour": "orange", "hair_colour": "black"}
    others["shoes_colour"] = "black"
    assert not is_colour(slot, found, others[slot])
