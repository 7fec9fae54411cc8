"""What labels must say: hands and bare forearms are skin, and a closed garment's back is cloth."""

import pytest
import torch

from backend.models.labels import Label
from backend.pipelines.body import PosedSubject
from backend.pipelines.layout import Layout
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX


@pytest.fixture(scope="module")
def subject() -> PosedSubject:
    return PosedSubject.of(BodyModel.load(), BodyParameters.a_pose(), torch.device("cpu"))


def at(subject: PosedSubject, first: str, second: str) -> tuple[int, int]:
    joints = subject.posed.joints
    x, y, _ = subject.frame.to_view((joints[JOINT_INDEX[first]] + joints[JOINT_INDEX[second]]) / 2)
    return int((1 - y) / 2 * 256), int((x + 1) / 2 * 256)


@pytest.mark.parametrize(("kind", "expected"), [("t-shirt", Label.SKIN), ("sweater", Label.UPPER)])
def test_hands_are_bare_and_forearms_below_short_sleeves(subject: PosedSubject, kind: str, expected: Label) -> None:
    layout = Layout.of(subject, {"upper_kind": kind})
    cloth = torch.full((1, 256, 256), int(Label.UPPER))
    hand, forearm = at(subject, "left_wrist", "left_middle1"), at(subject, "left_elbow", "left_wrist")
    trunk = at(subject, "spine1", "spine2")
    for labels in (layout.of_front(cloth), layout.of_back(cloth, None, torch.zeros(1, 128, 128))):
        assert labels[0][hand] == Label.SKIN and labels[0][forearm] == expected
        assert labels[0][trunk] == Label.UPPER


def test_what_is_no_cloth_stays(subject: PosedSubject) -> None:
    layout = Layout.of(subject, {})
    for label in (Label.NOBODY, Label.HAIR, Label.ACCESSORY):
        assert (layout.of_front(torch.full((1, 256, 256), int(label))) == label).all()


def test_a_shirts_back_is_closed_and_a_dresses_need_not_be() -> None:
    front = torch.tensor([[[Label.SKIN, Label.UPPER, Label.UPPER, Label.LOWER, Label.NOBODY]]])
    back = torch.tensor([[[Label.SKIN, Label.SKIN, Label.HAIR, Label.SKIN, Label.SKIN]]])
    covered = torch.tensor([[[Label.SKIN, Label.UPPER, Label.HAIR, Label.LOWER, Label.SKIN]]])
    nothing = torch.zeros(2, 1, 5, dtype=torch.bool)
    open_back, closed_back = (Layout(nothing, nothing, 0.01, closed) for closed in (False, True))
    trunk, legs = torch.full((1, 1, 5), 0.3), torch.full((1, 1, 5), -0.5)
    assert torch.equal(closed_back.of_back(back, front, trunk), covered)
    assert torch.equal(closed_back.of_back(back, front, legs), back)
    assert torch.equal(closed_back.of_back(back, None, trunk), back)
    assert torch.equal(open_back.of_back(back, front, trunk), back)


def waisted(width: int) -> torch.Tensor:
    """A top and trousers (1, 40, 3) with so many pixels of skin between, in the first two columns alone."""
    labels = torch.full((1, 40, 3), int(Label.UPPER))
    labels[:, 30:] = Label.LOWER
    labels[:, 30 - width : 30, :2] = Label.SKIN
    return labels


def test_a_narrow_gap_above_the_waistband_is_cloth_and_a_wide_one_a_short_top() -> None:
    nowhere, trunk = torch.zeros(2, 40, 3, dtype=torch.bool), torch.ones(2, 40, 3, dtype=torch.bool)
    layout, heights = Layout(nowhere, trunk, 0.01, closed=False), torch.zeros(1, 10, 1)
    for made in (layout.of_front(waisted(6)), layout.of_back(waisted(6), None, heights)):
        assert torch.equal(made, waisted(0))
    assert torch.equal(layout.of_front(waisted(20)), waisted(20))
    assert torch.equal(layout.of_back(waisted(20), waisted(20), heights), waisted(20))
    assert torch.equal(layout.of_back(waisted(20), waisted(0), heights), waisted(0))  # as long as in front


def test_arms_before_the_waist_are_no_gap() -> None:
    nowhere = torch.zeros(2, 40, 3, dtype=torch.bool)
    assert torch.equal(Layout(nowhere, nowhere, 0.01, closed=False).of_front(waisted(6)), waisted(6))


def test_prompts_say_what_is_closed(subject: PosedSubject) -> None:
    closed = {kind: Layout.of(subject, {"upper_kind": kind}).closed for kind in ("shirt", "coat", "dress", "tank top")}
    assert closed == {"shirt": True, "coat": True, "dress": False, "tank top": False}
