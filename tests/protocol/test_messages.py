"""The wire format: what is written is read back, and nothing else does harm."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.protocol import messages
from backend.protocol.errors import DoppelError
from backend.protocol.messages import (
    ANSWER_FRAMES,
    EVENTS,
    MAX_HEADER_BYTES,
    REQUEST_FRAMES,
    REQUESTS,
    TYPES,
    Message,
    decode,
    encode,
)
from backend.protocol.version import PROTOCOL_VERSION

REFUSALS = {"message_invalid", "message_too_large", "protocol_mismatch", "type_unknown"}

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=6
)
fields = st.dictionaries(st.text(max_size=20), json_values, max_size=6)
framed = st.sampled_from(sorted(ANSWER_FRAMES | REQUEST_FRAMES))
valid = st.builds(Message, st.sampled_from(sorted(TYPES)), fields) | st.builds(
    Message, framed, fields, st.lists(st.binary(max_size=200), max_size=1).map(tuple)
)


def _read(parts):
    """The message, or the code it was refused with; anything else is an error."""
    try:
        return decode(parts)
    except DoppelError as error:
        assert error.code in REFUSALS and "\n" not in str(error)
        return error.code


def test_the_names_are_those_of_the_protocol():
    assert {"generate", "preview", "fit_photo", "cancel", "status", "results", "shutdown"} <= set(REQUESTS)
    assert EVENTS == ("accepted", "progress", "done", "failed")


@settings(max_examples=40, deadline=None)
@given(valid)
def test_what_is_written_is_read_back(message):
    assert decode(encode(message)) == message


@settings(max_examples=80, deadline=None)
@given(st.lists(st.binary(max_size=300), max_size=5))
def test_garbage_is_refused(parts):
    _read(parts)


@settings(max_examples=80, deadline=None)
@given(valid, st.data())
def test_truncated_and_altered_messages_are_refused_or_read(message, data):
    parts = encode(message)
    header = bytearray(parts[0])
    for _ in range(data.draw(st.integers(1, 3))):
        header[data.draw(st.integers(0, len(header) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(header)))
    _read([bytes(header), *parts[1:]])
    assert cut == len(header) or _read([parts[0][:cut]]) in REFUSALS


@settings(max_examples=80, deadline=None)
@given(json_values)
def test_any_json_is_refused_or_read(value):
    _read([json.dumps(value).encode()])
    _read([json.dumps({"protocol": PROTOCOL_VERSION, "type": value, "fields": value}).encode()])


@pytest.mark.parametrize(
    ("header", "code"),
    [
        (b'{"protocol":1,"type":"hello","fields":{"x":NaN}}', "message_invalid"),
        (b'{"protocol":1,"type":"hello","fields":{"x":1e999}}', "message_invalid"),
        (b'{"protocol":1,"type":"hello","fields":{"x":' + b"9" * 5000 + b"}}", "message_invalid"),
        (b'{"protocol":1,"type":"hello","fields":{"x":' + b"[" * 100_000, "message_invalid"),
        (b'{"protocol":1,"type":"hello","fields":[]}', "message_invalid"),
        (b'{"protocol":1,"type":"obey","fields":{}}', "type_unknown"),
        (b'{"protocol":1,"type":["hello"],"fields":{}}', "type_unknown"),
        (b'{"protocol":2,"type":"hello","fields":{}}', "protocol_mismatch"),
        (b'{"protocol":true,"type":"hello","fields":{}}', "message_invalid"),
        (b'{"protocol":-1,"type":"hello","fields":{}}', "message_invalid"),
        (b'{"type":"hello"}', "message_invalid"),
        (b"\xff\xfe", "message_invalid"),
        (b"", "message_invalid"),
    ],
)
def test_malformed_headers(header, code):
    assert _read([header]) == code


def test_sizes_are_looked_at_before_the_content(monkeypatch):
    assert _read([b"x" * (MAX_HEADER_BYTES + 1)]) == "message_too_large"
    good = encode(Message("progress"))
    assert _read([*good, b"", b""]) == "message_too_large"
    assert _read([*encode(Message("generate")), b"", b"", b""]) == "message_too_large"
    monkeypatch.setattr(messages, "_MOST_BYTES", 10)
    assert _read([b"no JSON", b"x" * 11]) == "message_too_large"
    with pytest.raises(DoppelError):
        encode(Message("status", {"x": "y" * MAX_HEADER_BYTES}))


def test_a_frame_is_read_where_its_type_has_one_and_within_that_types_limit():
    limit = ANSWER_FRAMES["progress"]
    header = encode(Message("progress"))[0]
    assert decode([header, bytes(limit)]).frames == (bytes(limit),)
    assert _read([header, bytes(limit + 1)]) == "message_too_large"
    assert _read([encode(Message("status"))[0], b""]) == "message_invalid"
    for message in (Message("progress", {}, (bytes(limit + 1),)), Message("status", {}, (b"x",))):
        with pytest.raises(DoppelError):
            encode(message)


def test_two_photos_go_with_one_request():
    both = Message("generate", {}, (b"front", b"back"))
    assert decode(encode(both)) == both
    with pytest.raises(DoppelError, match="over"):
        encode(Message("generate", {}, (b"front", bytes(REQUEST_FRAMES["generate"] + 1))))
    with pytest.raises(DoppelError, match="2 frames"):
        encode(Message("fit_photo", {}, (b"front", b"back")))


def test_another_version_is_a_sentence_that_says_what_to_update():
    header = json.dumps({"protocol": 99, "type": "hello"}).encode()
    with pytest.raises(DoppelError, match=r"the worker speaks protocol 99, the extension .*\(update the extension, "):
        decode([header], "the extension", "the worker")
    with pytest.raises(DoppelError, match="update this worker"):
        decode([header], "this worker", "the client")


def test_an_older_other_side_is_the_one_to_update(monkeypatch):
    header = json.dumps({"protocol": 1, "type": "hello"}).encode()
    monkeypatch.setattr(messages, "PROTOCOL_VERSION", 2)
    with pytest.raises(DoppelError, match="update the worker, so that both are of the same release"):
        decode([header], "the extension", "the worker")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"x", object()])
def test_what_is_not_json_is_not_sent(value):
    with pytest.raises(DoppelError):
        encode(Message("status", {"x": value}))


def test_fields_are_checked_when_they_are_read():
    message = Message("status", {"job": "short", "limit": True, "name": "x" * 300, "flag": 1})
    for read in (
        lambda: message.job,
        lambda: message.integer("limit", 1, 0, 5),
        lambda: message.text("name"),
        lambda: message.flag("flag"),
    ):
        with pytest.raises(DoppelError):
            read()
    assert (message.integer("absent", 3, 0, 5), message.text("absent"), message.flag("absent")) == (3, "", False)
