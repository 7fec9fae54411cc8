"""Glasses by rule: before the eyes of the face that is seen, behind hair, and only where a prompt asks for them."""

import numpy as np
import pytest
import torch

from backend.models.labels import Label
from backend.pipelines.body import PosedSubject
from backend.pipelines.eyewear import TINT, TINT_OF_SUNGLASSES, tint_of, with_glasses
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX

SIZE = 1024
SKIN = torch.full((256, 256), int(Label.SKIN))


@pytest.fixture(scope="module")
def model() -> BodyModel:
    return BodyModel.load()


def subject_of(model: BodyModel, yaw: float = 0.0) -> PosedSubject:
    body = BodyParameters.a_pose()
    body.global_orient = np.array([0.0, yaw, 0.0])
    return PosedSubject.of(model, body, torch.device("cpu"))


def face() -> torch.Tensor:
    return torch.cat([torch.full((3, SIZE, SIZE), 0.7), torch.ones(1, SIZE, SIZE)])


def drawn(subject: PosedSubject, labels: torch.Tensor = SKIN, tint: float = TINT) -> torch.Tensor:
    return (face() - with_glasses(face(), labels, subject, tint)).abs().amax(0)


def place(subject: PosedSubject, side: str) -> tuple[int, int]:
    x, y, _ = subject.frame.to_view(subject.posed.joints[JOINT_INDEX[f"{side}_eye_smplhf"]])
    return int((1 - y) / 2 * SIZE), int((x + 1) / 2 * SIZE)


def test_rims_are_round_the_eyes_and_nowhere_else(model: BodyModel) -> None:
    subject = subject_of(model)
    rim = drawn(subject) > 0.5
    rows, columns = rim.nonzero().T
    eyes = [place(subject, side) for side in ("left", "right")]
    pixel = 2 / SIZE / subject.frame.scale  # metres
    assert (rows.max() - rows.min()) * pixel < 0.06 and 0.1 < (columns.max() - columns.min()) * pixel < 0.19
    for row, column in eyes:
        assert rows.min() < row < rows.max() and not rim[row, column]
        around = rim[row - 16 : row + 17, column - 20 : column + 21]
        assert around[:16].any() and around[17:].any() and around[:, :20].any() and around[:, 21:].any()


def test_sunglasses_hide_the_eyes_that_glasses_show(model: BodyModel) -> None:
    subject = subject_of(model)
    row, column = place(subject, "left")
    clear, dark = (float(drawn(subject, tint=tint)[row, column]) for tint in (TINT, TINT_OF_SUNGLASSES))
    assert clear < 0.25 < 0.5 < dark


def test_hair_falls_over_them_and_a_back_of_the_head_has_none(model: BodyModel) -> None:
    subject = subject_of(model)
    fringe = SKIN.clone()
    fringe[:, 128:] = Label.HAIR
    shown = drawn(subject, fringe)
    assert shown[:, :500].any() and not shown[:, 520:].any()
    assert not drawn(subject_of(model, np.pi)).any()


def test_turned_faces_have_them_where_their_eyes_are(model: BodyModel) -> None:
    subject = subject_of(model, 0.7)
    columns = (drawn(subject) > 0.5).nonzero()[:, 1].float()
    eyes = np.mean([place(subject, side)[1] for side in ("left", "right")])
    assert abs(float(columns.mean()) - eyes) < 14


def test_prompts_ask_for_them() -> None:
    assert tint_of("a man", {}) is None and tint_of("a man", {"eyewear": "none"}) is None
    assert tint_of("a man with spectacles", {"eyewear": "glasses"}) == TINT
    assert tint_of("a man with sunglasses", {"eyewear": "glasses"}) == TINT_OF_SUNGLASSES
