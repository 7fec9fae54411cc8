import numpy as np
import pytest
import torch

from backend.geometry.close_up import CLOSE_UP_SIZE, DETAIL, PICTURE, WINDOW, CloseUp
from backend.geometry.view_frame import ViewFrame
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX


@pytest.fixture(scope="module")
def body() -> BodyModel:
    return BodyModel.load()


def test_the_window_holds_the_head_of_any_pose(body: BodyModel) -> None:
    head = body.weights[:, JOINT_INDEX["head"]] > 0.9
    for joint, turn in (("head", (0.0, 0.0, 0.0)), ("spine2", (0.5, 0.0, 0.0)), ("spine1", (0.0, 0.3, 0.4))):
        posed = body.pose(BodyParameters.a_pose().with_joint(joint, turn))
        frame = ViewFrame.of_body(posed.vertices)
        close = CloseUp.of_head(frame, posed.vertices, body.weights)
        seen = close.frame(frame).to_view(posed.vertices[head])
        assert np.abs(seen[:, :2]).max() < 0.9


def test_the_frame_and_the_crop_are_the_same_window() -> None:
    frame = ViewFrame(1.1, (0.1, 0.9, 0.0))
    close = CloseUp(100, 30)
    corners = np.array([[100, 30], [148, 78]]) / PICTURE * [2, -2] + [-1, 1]
    world = frame.to_world(np.column_stack([corners, np.zeros(2)]))
    assert np.allclose(close.frame(frame).to_view(world)[:, :2], [[-1, 1], [1, -1]])

    columns = torch.arange(PICTURE * DETAIL).float().expand(1, 1, PICTURE * DETAIL, -1)
    crop = close.crop(columns)
    assert crop.shape[-1] == CLOSE_UP_SIZE and crop[0, 0, 0, 0] == 100 * DETAIL


def test_pasting_fades_in_and_leaves_the_rest() -> None:
    close = CloseUp(100, 30)
    picture = torch.zeros(1, 1, PICTURE * DETAIL, PICTURE * DETAIL)
    pasted = close.paste(picture, torch.ones(1, 1, CLOSE_UP_SIZE, CLOSE_UP_SIZE))
    window = close.crop(pasted)
    assert window[0, 0, 96, 96] == 1 and 0 < window[0, 0, 0, 96] < 0.1
    assert float(pasted.sum()) == pytest.approx(float(window.sum()))
    assert not picture.any(), "the picture that was given is left as it was"
    assert close.crop(picture[..., ::DETAIL, ::DETAIL]).shape[-2:] == (WINDOW, WINDOW)
