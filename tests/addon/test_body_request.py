"""From slider values to the body of a request."""

import threading

import numpy as np
import pytest
from doppel_extension.backend.protocol.request import GenerateRequest
from doppel_extension.blender_addon.core import body, hands
from doppel_extension.rigging.body_parameters import BodyParameterError, BodyParameters

RELAXED = dict.fromkeys(hands.CURLS, hands.RELAXED)
BETAS = (1.0, *[0.0] * 9)


def test_sliders_make_a_body() -> None:
    made = body.parameters(BETAS, {"left_elbow": (0.0, -0.5, 0.0)}, {})
    assert made.betas[0] == 1.0
    assert made.with_joint("left_elbow", (0, 0, 0)).full_pose.any() is np.False_
    assert made.full_pose[18].tolist() == [0.0, -0.5, 0.0]
    relaxed = body.parameters(BETAS, {}, RELAXED)
    assert np.allclose(relaxed.left_hand_pose, BodyParameters.a_pose().left_hand_pose)
    assert not relaxed.body_pose.any()
    laughing = body.parameters(BETAS, {}, {}, expression=(2.0, *[0.0] * 9), jaw=1.0)
    assert laughing.expression[0] == 2.0 and laughing.jaw_pose[0] == pytest.approx(body.JAW_OPEN)
    chin = body.model().pose(laughing).joints[22] - body.model().pose(made).joints[22]
    assert np.abs(chin).max() < 0.01  # the jaw turns about its joint


def test_impossible_bodies_are_refused() -> None:
    with pytest.raises(BodyParameterError):
        body.parameters((9.0, *[0.0] * 9), {}, RELAXED)


def test_request_carries_the_body_both_ways() -> None:
    made = body.parameters(BETAS, {"right_knee": (0.4, 0.0, 0.0)}, RELAXED)
    request = GenerateRequest.from_dict({"prompt": "a man", "body": made.to_dict()})
    assert np.array_equal(BodyParameters.from_dict(request.body).full_pose, made.full_pose)


def test_surface_stands_on_the_floor() -> None:
    surface = body.posed_surface(BodyParameters())
    assert surface[:, 2].min() == pytest.approx(0.0, abs=1e-6)
    assert 1.5 < surface[:, 2].max() < 1.9
    assert body.triangles().max() < len(surface)


def test_the_suit_covers_the_trunk() -> None:
    covered = body.suit()
    assert covered.shape == (len(body.triangles()),) and 0.15 < covered.mean() < 0.7


def test_surface_is_the_body_models() -> None:
    random = np.random.default_rng(5)
    pose = {name: random.normal(0.0, 0.4, 3) for name in ("left_hip", "spine2", "right_shoulder", "left_wrist", "neck")}
    made = body.parameters(
        random.normal(0.0, 1.0, 10), pose, RELAXED, random.normal(0.0, 1.0, 10), 0.5, (0.2, 1.0, -0.3)
    )
    posed = body.model().pose(made)
    x, y, z = (posed.vertices - [0.0, posed.rest_vertices[:, 1].min(), 0.0]).T
    np.testing.assert_allclose(body.posed_surface(made), np.stack([x, -z, y], axis=1), atol=2e-6)


def test_the_body_is_read_beside_blenders_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "_reader", None)
    may_end, asked = threading.Event(), threading.Event()
    monkeypatch.setattr(body, "_warm", lambda: (asked.set(), may_end.wait(10)))
    assert not body.ready()
    assert asked.wait(10) and not body.ready()
    may_end.set()
    body._reader.join(10)
    assert body.ready()
