"""Backs of garments that are closed behind."""

import torch

from backend.cloth.closed import closed_behind, with_closed_back
from backend.models.labels import Label


def test_a_shirt_is_closed_and_a_dress_need_not_be() -> None:
    assert closed_behind({"upper_kind": "shirt"}) and closed_behind({"upper_kind": "coat"})
    assert not closed_behind({"upper_kind": "dress"}) and not closed_behind({"upper_kind": "tank top"})
    assert not closed_behind({})


def test_bare_skin_behind_cloth_is_cloth_and_hair_stays() -> None:
    front = torch.tensor([[[Label.SKIN, Label.UPPER, Label.UPPER, Label.LOWER, Label.NOBODY]]])
    back = torch.tensor([[[Label.SKIN, Label.SKIN, Label.HAIR, Label.SKIN, Label.SKIN]]])
    wanted = [[[Label.SKIN, Label.UPPER, Label.HAIR, Label.LOWER, Label.SKIN]]]
    assert with_closed_back(back, front, torch.full((1, 1, 5), 0.3)).tolist() == wanted
    legs = torch.full((1, 1, 5), -0.5)
    assert torch.equal(with_closed_back(back, front, legs), back)
