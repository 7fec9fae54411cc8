"""Limits of a request, one code each."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.protocol.errors import DoppelError
from backend.protocol.request import BODY_SIZES, GenerateRequest
from rigging.body_parameters import BodyParameters

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


def code_of(**changes):
    with pytest.raises(DoppelError) as caught:
        GenerateRequest.from_dict({"prompt": "a man", **changes})
    assert "\n" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"prompt": ""}, "prompt_empty"),
        ({"prompt": " \n\t"}, "prompt_empty"),
        ({"prompt": "x" * 1001}, "prompt_too_long"),
        ({"prompt": "a\x00b"}, "prompt_invalid"),
        ({"prompt": "a\x1b[31mb"}, "prompt_invalid"),
        ({"prompt": "a\ud800b"}, "prompt_invalid"),
        ({"prompt": 7}, "prompt_invalid"),
        ({"negative_prompt": "x" * 1001}, "negative_prompt_too_long"),
        ({"seed": -1}, "seed_range"),
        ({"seed": 2**31}, "seed_range"),
        ({"seed": 1.0}, "seed_range"),
        ({"seed": True}, "seed_range"),
        ({"seed": 10**400}, "seed_range"),
        ({"hypotheses": 0}, "hypotheses_range"),
        ({"hypotheses": 9}, "hypotheses_range"),
        ({"steps": 0}, "steps_range"),
        ({"guidance_scale": float("nan")}, "guidance_scale_range"),
        ({"guidance_scale": float("inf")}, "guidance_scale_range"),
        ({"guidance_scale": "2"}, "guidance_scale_range"),
        ({"triangles": 999}, "triangles_range"),
        ({"texture_size": 8192}, "texture_size_range"),
        ({"rest": "x"}, "rest_unknown"),
        ({"topology": "quads"}, "topology_unknown"),
        ({"rest": ["t"]}, "rest_unknown"),
        ({"body": []}, "body_invalid"),
        ({"body": {"betas": [0.0] * 9}}, "body_invalid"),
        ({"body": {"betas": [0.0] * 10**5}}, "body_invalid"),
        ({"body": {"betas": [float("nan")] * 10}}, "body_invalid"),
        ({"body": {"betas": [10**400] * 10}}, "body_invalid"),
        ({"body": {"betas": ["0"] * 10}}, "body_invalid"),
        ({"body": {"theta": [0.0]}}, "body_invalid"),
        ({"body": {"pose": {"left_elbow": [0.0, 0.0]}}}, "body_invalid"),
        ({"body": {"pose": {"left elbow": [0.0, 0.0, 0.0]}}}, "body_invalid"),
        ({"body": {"pose": {f"j{i}": [0, 0, 0] for i in range(65)}}}, "body_invalid"),
        ({"body": {"semantic": {"height_cm": None}}}, "body_invalid"),
        ({"body": {"format": []}}, "body_invalid"),
        ({"colour": "red"}, "request_invalid"),
    ],
)
def test_each_limit_has_its_code(changes, code):
    assert code_of(**changes) == code


@pytest.mark.parametrize("payload", [None, [], "a man", {}, {"prompt": None}])
def test_what_is_no_request_is_refused(payload):
    with pytest.raises(DoppelError):
        GenerateRequest.from_dict(payload)


def test_a_request_survives_the_trip():
    request = GenerateRequest(
        prompt="une femme à vélo\n第二行",
        seed=2**31 - 1,
        hypotheses=8,
        guidance_scale=1,
        body={"pose": {"left_elbow": [0.0, 0.0, 1.5]}, "semantic": {"height_cm": 181}},
    )
    assert GenerateRequest.from_dict(request.to_dict()) == request


def test_the_bodys_own_form_is_accepted():
    body = BodyParameters.a_pose(np.linspace(-2, 2, 10)).to_dict()
    assert GenerateRequest(prompt="x", body=body).validate().body == body
    assert set(BODY_SIZES) <= body.keys()
    assert all(np.size(body[name]) == size for name, size in BODY_SIZES.items())


def test_requests_do_not_share_their_bodies():
    copy = GenerateRequest(prompt="x", body={"betas": [0.0] * 10}).to_dict()
    copy["body"]["betas"][0] = 9.0
    assert GenerateRequest(prompt="x").body == {}


@settings(max_examples=70, deadline=None)
@given(st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(GenerateRequest)]), anything))
def test_any_values_are_accepted_or_refused_with_a_code(payload):
    try:
        GenerateRequest.from_dict(payload)
    except DoppelError as error:
        assert error.code and "\n" not in str(error)


@settings(max_examples=70, deadline=None)
@given(st.dictionaries(st.sampled_from([*BODY_SIZES, "pose", "semantic", "format"]), anything))
def test_any_body_is_accepted_or_refused_with_a_code(body):
    try:
        GenerateRequest.from_dict({"prompt": "x", "body": body})
    except DoppelError as error:
        assert error.code == "body_invalid"
