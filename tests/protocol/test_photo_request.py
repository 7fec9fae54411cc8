"""The fields of a request that are about a photo."""

import pytest

from backend.protocol.errors import DoppelError
from backend.protocol.request import GenerateRequest

DIGEST = "0123456789abcdef" * 4


def test_a_photo_stands_for_a_prompt() -> None:
    assert GenerateRequest.from_dict({"photo": DIGEST}).prompt == ""
    request = GenerateRequest.from_dict({"photo": DIGEST, "prompt": "in a dark suit", "keep": "head", "person": 1})
    assert GenerateRequest.from_dict(request.to_dict()) == request
    both = GenerateRequest(prompt="", photo=DIGEST, back_photo=DIGEST[::-1], keep="head")
    assert GenerateRequest.from_dict(both.to_dict()) == both
    with pytest.raises(DoppelError, match="prompt"):
        GenerateRequest.from_dict({"prompt": " "})


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"photo": "me.jpg"}, "photo_invalid"),
        ({"photo": DIGEST.upper()}, "photo_invalid"),
        ({"photo": 5}, "photo_invalid"),
        ({"photo": DIGEST, "back_photo": "back.jpg"}, "photo_invalid"),
        ({"photo": DIGEST, "back_photo": None}, "photo_invalid"),
        ({"prompt": "a man", "back_photo": DIGEST}, "photo_invalid"),
        ({"back_photo": DIGEST}, "photo_invalid"),
        ({"photo": DIGEST, "person": -1}, "person_range"),
        ({"photo": DIGEST, "person": 16}, "person_range"),
        ({"photo": DIGEST, "person": True}, "person_range"),
        ({"photo": DIGEST, "keep": "legs"}, "keep_unknown"),
        ({"photo": DIGEST, "photo_body": "other"}, "photo_body_unknown"),
        ({"photo": DIGEST, "photo_body": "fit"}, "photo_body_unknown"),
        ({"prompt": "a man", "photo_body": "fit", "body": {"pose": {}}}, "photo_body_unknown"),
    ],
)
def test_refused(fields: dict[str, object], code: str) -> None:
    with pytest.raises(DoppelError) as caught:
        GenerateRequest.from_dict(fields)
    assert caught.value.code == code


def test_what_is_wrong_names_the_photo_from_behind() -> None:
    with pytest.raises(DoppelError, match="the back photo must be named"):
        GenerateRequest.from_dict({"photo": DIGEST, "back_photo": "back.jpg"})
    with pytest.raises(DoppelError, match="needs a photo from the front"):
        GenerateRequest.from_dict({"prompt": "a man", "back_photo": DIGEST})
