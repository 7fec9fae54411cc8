"""What counts in the loss."""

import torch

from backend.training.latents import HEAD_HEIGHT, head_cells, importance, shares


def test_cells_of_the_person_count_and_those_of_the_head_are_found() -> None:
    cells = torch.zeros(2, 1, 32, 32)
    cells[:, :, 4:30, 12:20] = 1
    weight = importance(cells)
    assert weight[0, 0, 10, 15] == 1 and weight[0, 0, 3, 11] == 1
    assert torch.isclose(weight[0, 0, 0, 0], torch.tensor(0.15))
    maps = torch.zeros(2, 8, 128, 128)
    maps[:, 5, 16:32, 56:72] = HEAD_HEIGHT + 0.1
    head = head_cells(maps)
    assert head[0, 0, 5, 15] == 1 and head[0, 0, 3, 13] == 1, "hair stands out around the head"
    assert head[0, 0, 10].sum() == 0


def test_people_in_rare_clothes_are_drawn_more_often_but_not_without_end() -> None:
    common = {"upper_kind": "shirt", "lower_kind": "jeans", "pattern": "plain"}
    share = shares([common] * 900 + [{**common, "upper_kind": "sweater"}] * 99 + [{**common, "upper_kind": "tunic"}])
    assert torch.isclose(share.mean(), torch.tensor(1.0))
    assert share[0] < share[900] < share[-1] <= 4.5
    assert 1.5 < share[900] / share[0] < 3
