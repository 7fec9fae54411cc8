import numpy as np
import pytest
import torch

from backend.models.labels import Label
from backend.pipelines.body import PosedSubject
from backend.pipelines.edit import Edit, changed_pixels, parse_areas, with_kept_pixels
from backend.protocol.errors import DoppelError
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX

SKIN, CLOTH = (0.8, 0.6, 0.5, 1.0), (0.1, 0.2, 0.6, 1.0)


@pytest.fixture(scope="module")
def subject() -> PosedSubject:
    return PosedSubject.of(BodyModel.load(), BodyParameters.a_pose(), torch.device("cpu"))


@pytest.fixture(scope="module")
def view(subject: PosedSubject) -> torch.Tensor:
    """A head and bare shins of skin, cloth between."""
    view = torch.tensor(CLOTH).view(4, 1, 1).repeat(1, 256, 256)
    skin = torch.tensor(SKIN).view(4, 1, 1)
    view[:, : row_of(subject, "neck")] = skin
    view[:, row_of(subject, "left_knee") :] = skin
    return view


def row_of(subject: PosedSubject, joint: str) -> int:
    return place_of(subject, joint)[0]


def place_of(subject: PosedSubject, joint: str) -> tuple[int, int]:
    x, y, _ = subject.frame.to_view(subject.posed.joints[JOINT_INDEX[joint]])
    return int((1 - y) / 2 * 256), int((x + 1) / 2 * 256)


@pytest.fixture(scope="module")
def labels(subject: PosedSubject) -> torch.Tensor:
    """The same: a shirt down to the middle of the thighs, trousers to the knees."""
    labels = torch.full((2, 256, 256), int(Label.UPPER))
    hem = (row_of(subject, "left_hip") + row_of(subject, "left_knee")) // 2
    labels[:, hem:] = Label.LOWER
    labels[:, : row_of(subject, "neck")] = Label.SKIN
    labels[:, row_of(subject, "left_knee") :] = Label.SKIN
    return labels


def changed(subject: PosedSubject, view: torch.Tensor, labels: torch.Tensor, *areas: str) -> np.ndarray:
    edit = Edit(view, view, frozenset(areas))
    return changed_pixels(edit, subject, labels)[:, 0].numpy() > 0.5


def test_each_area_is_where_it_is_worn(subject: PosedSubject, view: torch.Tensor) -> None:
    nothing_known = torch.zeros(2, 256, 256)
    joints = {"head": "head", "upper": "spine3", "lower": "left_knee", "shoes": "left_foot"}
    for area in joints:
        mask = changed(subject, view, nothing_known, area)
        assert mask.shape == (2, 256, 256)
        for other, joint in joints.items():
            row, column = place_of(subject, joint)
            assert mask[0, row, column] == mask[1, row, column] == (area == other), (area, other)


def test_an_outfit_is_its_pieces(subject: PosedSubject, view: torch.Tensor, labels: torch.Tensor) -> None:
    pieces = changed(subject, view, labels, "upper", "lower", "shoes")
    assert np.array_equal(changed(subject, view, labels, "outfit"), pieces)


def test_a_shirt_changes_where_it_hangs_over_the_hips(
    subject: PosedSubject, view: torch.Tensor, labels: torch.Tensor
) -> None:
    row, column = row_of(subject, "left_hip") + 3, place_of(subject, "left_hip")[1]
    below = (row_of(subject, "left_hip") + 2 * row_of(subject, "left_knee")) // 3
    mask = changed(subject, view, labels, "upper")
    assert mask[:, row, column].all() and not mask[:, below, column].any()


def test_hair_stays_over_a_shirt_that_changes(subject: PosedSubject, view: torch.Tensor, labels: torch.Tensor) -> None:
    row, column = place_of(subject, "spine3")
    long_hair = labels.clone()
    long_hair[1, : row + 4] = Label.HAIR
    assert changed(subject, view, labels, "upper")[1, row, column]
    assert not changed(subject, view, long_hair, "upper")[1, row, column]
    assert changed(subject, view, long_hair, "head")[1, row, column]


def test_changing_the_person_takes_bare_skin_and_leaves_cloth(
    subject: PosedSubject, view: torch.Tensor, labels: torch.Tensor
) -> None:
    mask = changed(subject, view, labels, "person")[0]
    shin = (row_of(subject, "left_knee") + row_of(subject, "left_ankle")) // 2
    assert mask[shin, place_of(subject, "left_knee")[1]]
    row, column = place_of(subject, "spine2")
    assert not mask[row, column]


@pytest.mark.parametrize("areas", [frozenset(), frozenset({"hat"})])
def test_what_cannot_be_changed_is_said(areas: frozenset[str], view: torch.Tensor) -> None:
    with pytest.raises(DoppelError) as caught:
        Edit(view, view, areas)
    assert caught.value.code == "edit_area" and "upper" in (caught.value.hint or "")


def test_areas_as_written() -> None:
    assert parse_areas(["Upper,lower", "shoes"]) == {"upper", "lower", "shoes"}


def test_what_is_not_to_change_keeps_its_pixels(
    subject: PosedSubject, view: torch.Tensor, labels: torch.Tensor
) -> None:
    edit = Edit(view, view, frozenset({"lower"}))
    new = torch.full((3, 4, 1024, 1024), 0.5)
    front, backs = with_kept_pixels(edit, changed_pixels(edit, subject, labels), new[:1], new[1:])
    assert front.shape == new[:1].shape and backs.shape == new[1:].shape
    for made in (front[0], *backs):
        for joint, kept in (("head", True), ("left_knee", False)):
            row, column = (4 * index for index in place_of(subject, joint))
            expected = view[:, row // 4, column // 4] if kept else new[0, :, 0, 0]
            torch.testing.assert_close(made[:, row, column], expected)
