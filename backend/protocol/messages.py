"""The wire format: a JSON header and raw binary frames, bounded before anything is parsed.

A message is a ZeroMQ multipart message. Its first part is UTF-8 JSON, ``{"protocol": 1, "type": "...", "fields":
{...}}``; each further part is a binary frame (a preview picture, a piece of a file). Nothing is ever unpickled.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NoReturn

from .errors import DoppelError
from .jobs import check_job_id
from .photo import MAX_PHOTO_BYTES
from .version import PROTOCOL_VERSION

MAX_HEADER_BYTES = 256 * 1024

REQUESTS = ("hello", "generate", "preview", "fit_photo", "cancel", "status", "results", "delete", "shutdown")
"""Sent by the client. The answer to hello, cancel, status, results, delete and shutdown is of the same type."""

EVENTS = ("accepted", "progress", "done", "failed")
"""Sent by the worker about a job; `failed` also answers a request that could not be served."""

TYPES = frozenset(REQUESTS + EVENTS)

REQUEST_FRAMES = {"generate": MAX_PHOTO_BYTES, "fit_photo": MAX_PHOTO_BYTES}
ANSWER_FRAMES = {"progress": 1024 * 1024, "results": 4 * 1024 * 1024}
"""The types that may carry a binary frame, in each direction, and its most bytes; no other type carries any."""

MOST_FRAMES = {"generate": 2}
"""How many frames a type may carry, where it is not one."""

WIRE_OVERHEAD = 64
"""Bytes that CURVE adds to a part (RFC 26: a command name, a nonce, flags and a tag; 33), for limits on the socket."""

_FRAME_BYTES = {**REQUEST_FRAMES, **ANSWER_FRAMES}
_MOST_BYTES = max(_FRAME_BYTES.values())
_MOST_PARTS = 1 + max(MOST_FRAMES.values())


@dataclass(frozen=True, slots=True)
class Message:
    """One message. `fields` is a JSON object, `frames` are raw bytes."""

    type: str
    fields: dict[str, Any] = field(default_factory=dict)
    frames: tuple[bytes, ...] = ()

    @property
    def job(self) -> str:
        """The job id it is about.

        Raises:
            DoppelError: ``job_id_invalid``.
        """
        return check_job_id(self.fields.get("job"))

    def text(self, name: str, default: str = "", limit: int = 256) -> str:
        """A short text field.

        Raises:
            DoppelError: ``field_invalid``.
        """
        value = self.fields.get(name, default)
        if isinstance(value, str) and len(value) <= limit:
            return value
        raise DoppelError("field_invalid", f"'{name}' must be a text of at most {limit} characters")

    def integer(self, name: str, default: int, low: int, high: int) -> int:
        """A whole-number field between `low` and `high`.

        Raises:
            DoppelError: ``field_invalid``.
        """
        value = self.fields.get(name, default)
        if isinstance(value, int) and not isinstance(value, bool) and low <= value <= high:
            return value
        raise DoppelError("field_invalid", f"'{name}' must be a whole number from {low} to {high}")

    def flag(self, name: str, default: bool = False) -> bool:
        """A true-or-false field.

        Raises:
            DoppelError: ``field_invalid``.
        """
        value = self.fields.get(name, default)
        if isinstance(value, bool):
            return value
        raise DoppelError("field_invalid", f"'{name}' must be true or false")


def encode(message: Message) -> list[bytes]:
    """The parts to send.

    Raises:
        DoppelError: ``message_too_large`` or ``message_invalid``.
    """
    if message.type not in TYPES:
        raise DoppelError("type_unknown", f"there is no message type '{message.type}'")
    envelope = {"protocol": PROTOCOL_VERSION, "type": message.type, "fields": message.fields}
    try:
        header = json.dumps(envelope, allow_nan=False, separators=(",", ":")).encode("ascii")
    except (TypeError, ValueError, RecursionError) as error:
        reason = f"the '{message.type}' message cannot be written as JSON: {error}"
        raise DoppelError("message_invalid", reason) from None
    parts = [header, *message.frames]
    _check_sizes(parts)
    _check_frames(message.type, message.frames)
    return parts


def decode(parts: Sequence[bytes], here: str = "this side", there: str = "the other side") -> Message:
    """The message in `parts`, from an untrusted peer.

    Args:
        parts: the multipart message.
        here: what the reader is called in the sentence about different versions.
        there: what the writer is called in it.

    Raises:
        DoppelError: ``message_too_large``, ``message_invalid``, ``protocol_mismatch`` or ``type_unknown``.
    """
    _check_sizes(parts)
    try:
        header = json.loads(bytes(parts[0]).decode("utf-8"), parse_constant=_refuse, parse_float=_finite)
    except (ValueError, RecursionError):
        raise DoppelError("message_invalid", "the message's header is not JSON") from None
    if not isinstance(header, dict):
        raise DoppelError("message_invalid", "the message's header is not an object")
    version = header.get("protocol")
    if not isinstance(version, int) or isinstance(version, bool) or not 0 < version < 10**6:
        raise DoppelError("message_invalid", "the message's header names no protocol version")
    if version != PROTOCOL_VERSION:
        older = here if version > PROTOCOL_VERSION else there
        raise DoppelError(
            "protocol_mismatch",
            f"{there} speaks protocol {version}, {here} protocol {PROTOCOL_VERSION}",
            f"update {older}, so that both are of the same release",
        )
    kind, fields = header.get("type"), header.get("fields", {})
    if not isinstance(kind, str) or kind not in TYPES:
        raise DoppelError("type_unknown", "the message's type is not known")
    if not isinstance(fields, dict):
        raise DoppelError("message_invalid", "the message's fields are not an object")
    frames = tuple(parts[1:])
    _check_frames(kind, frames)
    return Message(kind, fields, tuple(bytes(frame) for frame in frames))


def _check_sizes(parts: Sequence[bytes]) -> None:
    """What can be said before the header is read: no more parts, and no part larger, than any type has."""
    if not parts:
        raise DoppelError("message_invalid", "the message is empty")
    if len(parts) > _MOST_PARTS:
        raise DoppelError(
            "message_too_large", f"the message has {len(parts) - 1} frames; at most {_MOST_PARTS - 1} are read"
        )
    if len(parts[0]) > MAX_HEADER_BYTES:
        raise DoppelError("message_too_large", f"the header is over {MAX_HEADER_BYTES} bytes")
    if any(len(part) > _MOST_BYTES for part in parts[1:]):
        raise DoppelError("message_too_large", f"a frame is over {_MOST_BYTES} bytes")


def _check_frames(kind: str, frames: Sequence[bytes]) -> None:
    limit = _FRAME_BYTES.get(kind)
    if frames and limit is None:
        raise DoppelError("message_invalid", f"a '{kind}' message carries no frame")
    if len(frames) > MOST_FRAMES.get(kind, 1):
        raise DoppelError("message_too_large", f"a '{kind}' message has {len(frames)} frames, more than are read")
    if any(len(frame) > (limit or 0) for frame in frames):
        raise DoppelError("message_too_large", f"a frame of a '{kind}' message is over {limit} bytes")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is out of range")
    return value
