"""Outlines on pictures whose figures are known by hand."""

import pytest
import torch

from backend.evaluation.silhouettes import iou, lab_distance, outline_step, share_inside


def square(left: int, right: int, size: int = 64) -> torch.Tensor:
    alpha = torch.zeros(size, size)
    alpha[16:48, left:right] = 1
    return alpha


def person(rgb: tuple[float, float, float], size: int = 128) -> torch.Tensor:
    picture = torch.zeros(4, size, size)
    picture[:3] = torch.tensor(rgb).view(3, 1, 1)
    picture[3, 32:96, 32:96] = 1
    return picture


def test_iou_counts_pixels() -> None:
    assert iou(square(0, 32), square(0, 32)) == 1
    assert iou(square(0, 32), square(16, 48)) == pytest.approx(1 / 3)
    assert iou(square(0, 16), square(32, 48)) == 0
    assert iou(torch.zeros(8, 8), torch.zeros(8, 8)) == 1


def test_share_inside_is_of_the_body() -> None:
    assert share_inside(square(16, 32), square(0, 48)) == 1
    assert share_inside(square(0, 48), square(0, 12)) == pytest.approx(1 / 4)


def test_the_step_along_the_outline_sees_the_border_alone() -> None:
    red = person((0.8, 0.1, 0.1))
    other_middle = red.clone()
    other_middle[:3, 44:84, 44:84] = 0.5
    assert outline_step(torch.stack([red, other_middle])) == pytest.approx(0, abs=1e-4)
    other_border = person((0.1, 0.1, 0.8))
    step = outline_step(torch.stack([red, other_border]))
    assert step is not None and step > 50


def test_without_a_person_there_is_no_outline() -> None:
    assert outline_step(torch.zeros(2, 4, 64, 64)) is None


def test_lab_distance_of_black_and_white_is_one_hundred() -> None:
    assert lab_distance(person((0, 0, 0)), person((1, 1, 1))) == pytest.approx(100, abs=0.5)
    assert lab_distance(person((0.3, 0.5, 0.2)), person((0.3, 0.5, 0.2))) == 0
