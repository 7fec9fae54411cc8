"""What an artist asks for: one text-to-avatar request, and every limit on it."""

from __future__ import annotations

import dataclasses
import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from .errors import DoppelError
from .photo import KEEP, MAX_PEOPLE, PHOTO_BODY, about_back

MAX_PROMPT = 1000
SEED_RANGE = (0, 2**31 - 1)
HYPOTHESES_RANGE = (1, 8)
STEPS_RANGE = (1, 100)
GUIDANCE_RANGE = (0.0, 30.0)
TRIANGLES_RANGE = (1_000, 200_000)
TEXTURE_RANGE = (256, 4096)
REST_POSES = ("t", "a", "as-posed")
TOPOLOGIES = ("free", "body")

BODY_SIZES = {
    "betas": 10,
    "expression": 10,
    "transl": 3,
    "global_orient": 3,
    "body_pose": 63,
    "jaw_pose": 3,
    "leye_pose": 3,
    "reye_pose": 3,
    "left_hand_pose": 45,
    "right_hand_pose": 45,
}
"""How many numbers each body parameter holds, nested or flat."""

MAX_BODY_VALUE = 1000.0
"""No body parameter has a larger magnitude in any unit; the finer limits are the body model's."""

_MAX_NAMED_VALUES = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerateRequest:
    """A text-to-avatar request.

    Attributes:
        prompt: what the person wears and looks like, 1 to 1000 characters.
        negative_prompt: what to avoid; may be empty.
        seed: 0 to 2**31 - 1; hypothesis `i` is a function of (request, seed, i).
        hypotheses: how many alternatives to make, 1 to 8.
        steps: denoising steps of each view, 1 to 100.
        guidance_scale: strength of the prompt, 0 to 30; 1 turns guidance off.
        body: body parameters in the form of `BodyParameters.to_dict` (or its ``pose`` / ``semantic`` short forms);
            without ``betas`` and ``semantic`` the shape is read from the prompt, empty means the A-pose of that.
            Radians, metres.
        triangles: upper limit of the final mesh, 1000 to 200000.
        texture_size: side of the square texture in pixels, 256 to 4096.
        rest: rest pose of the character: ``t``, the body model's own; ``a``, the A-pose; or ``as-posed``, the pose at
            generation.
        topology: ``free``, triangles as the surface asks for, up to ``triangles``; or ``body``, the body model's own
            quads and UVs drawn onto the surface, with its hands, face and facial shapes.
        photo: sha256 of a photo's file, whose bytes travel beside the request; empty for none. With a photo the prompt
            may be empty: the photo then says what it can.
        person: which person of the photo, 0 is the largest.
        keep: what stays as the photo shows it: ``all``, or ``head`` for the prompt to decide the rest.
        photo_body: what ``body`` is beside a photo: ``target``, the pose to stand in afterwards; ``fit``, the body
            as it stands in the photo, such as a corrected fit; or ``repaint``, the pose in which the views are painted
            anew, with what the photo shows of each place of the body (empty: the A-pose).
        back_photo: sha256 of a second photo's file, of the same person from behind; only beside ``photo``.
    """

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    hypotheses: int = 1
    steps: int = 8
    guidance_scale: float = 1.5
    body: dict[str, Any] = field(default_factory=dict)
    triangles: int = 40_000
    texture_size: int = 1024
    rest: str = "t"
    topology: str = "free"
    photo: str = ""
    person: int = 0
    keep: str = KEEP[0]
    photo_body: str = PHOTO_BODY[0]
    back_photo: str = ""

    def validate(self) -> GenerateRequest:
        """Check every field and return the request itself.

        Raises:
            DoppelError: the first problem met, with a code such as ``prompt_empty`` or ``seed_range``.
        """
        _check_text("prompt", self.prompt)
        if not self.prompt.strip() and not (self.photo or self.back_photo):
            raise DoppelError("prompt_empty", "the prompt is empty", "describe the person, e.g. 'a man in a red coat'")
        _check_text("negative_prompt", self.negative_prompt)
        _check_integer("seed", self.seed, SEED_RANGE)
        _check_integer("hypotheses", self.hypotheses, HYPOTHESES_RANGE)
        _check_integer("steps", self.steps, STEPS_RANGE)
        _check_number("guidance_scale", self.guidance_scale, GUIDANCE_RANGE)
        _check_integer("triangles", self.triangles, TRIANGLES_RANGE)
        _check_integer("texture_size", self.texture_size, TEXTURE_RANGE)
        if self.rest not in REST_POSES:
            raise DoppelError(
                "rest_unknown", f"the rest pose {_show(self.rest)} is not known", f"use {_choice(REST_POSES)}"
            )
        if self.topology not in TOPOLOGIES:
            raise DoppelError(
                "topology_unknown", f"the topology {_show(self.topology)} is not known", f"use {_choice(TOPOLOGIES)}"
            )
        _check_body(self.body)
        _check_photo(self)
        return self

    def to_dict(self) -> dict[str, Any]:
        """A JSON-able copy."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, payload: object) -> GenerateRequest:
        """Build and validate a request from untrusted data.

        Raises:
            DoppelError: ``request_invalid`` when it is no object, lacks the prompt or has unknown fields; else as
                :meth:`validate`.
        """
        if not isinstance(payload, dict):
            raise DoppelError("request_invalid", "the request must be an object with named fields")
        known = {f.name for f in dataclasses.fields(cls)}
        unknown = sorted(str(name) for name in payload.keys() - known)
        if unknown:
            raise DoppelError(
                "request_invalid",
                f"the request has the unknown field {_show(unknown[0])}",
                f"the fields are {', '.join(sorted(known))}",
            )
        if "prompt" not in payload and (payload.get("photo") or payload.get("back_photo")):
            payload = {**payload, "prompt": ""}
        if "prompt" not in payload:
            raise DoppelError("prompt_empty", "the request has no prompt", "describe the person")
        return cls(**payload).validate()


def _check_photo(request: GenerateRequest) -> None:
    _check_digest(request.photo)
    with about_back():
        _check_digest(request.back_photo)
    if request.back_photo and not request.photo:
        raise DoppelError(
            "photo_invalid",
            "a back photo needs a photo from the front beside it",
            "the body is fitted to the front: give that photo, too",
        )
    _check_integer("person", request.person, (0, MAX_PEOPLE - 1))
    for name, known in (("keep", KEEP), ("photo_body", PHOTO_BODY)):
        if getattr(request, name) not in known:
            raise DoppelError(
                f"{name}_unknown",
                f"{name.replace('_', ' ')} must be one of {', '.join(known)}, not {_show(getattr(request, name))}",
            )
    if request.photo_body == "fit" and not (request.photo and request.body):
        raise DoppelError(
            "photo_body_unknown", "a body that is the photo's fit needs a photo and a body", "fit the photo first"
        )
    if request.photo_body == "repaint" and not request.photo:
        raise DoppelError("photo_body_unknown", "there is no photo to paint anew", "give one, or leave this out")


def _check_digest(value: object) -> None:
    if not isinstance(value, str) or not re.fullmatch(r"([0-9a-f]{64})?", value):
        raise DoppelError("photo_invalid", "the photo must be named by the sha256 of its file", "send the file again")


def _check_text(name: str, value: object) -> None:
    label = name.replace("_", " ")
    if not isinstance(value, str):
        raise DoppelError(f"{name}_invalid", f"the {label} must be text")
    if len(value) > MAX_PROMPT:
        raise DoppelError(
            f"{name}_too_long",
            f"the {label} has {len(value)} characters; at most {MAX_PROMPT} are read",
            f"shorten it by {len(value) - MAX_PROMPT}",
        )
    for character in value:
        if unicodedata.category(character) in ("Cc", "Cs") and character not in "\t\n\r":
            raise DoppelError(
                f"{name}_invalid",
                f"the {label} contains the control character U+{ord(character):04X}",
                "type the text again instead of pasting it",
            )


def _check_integer(name: str, value: object, limits: tuple[int, int]) -> None:
    low, high = limits
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise _out_of_range(name, f"a whole number from {low} to {high}", value)


def _check_number(name: str, value: object, limits: tuple[float, float]) -> None:
    low, high = limits
    if not _is_number(value) or not low <= value <= high:  # type: ignore[operator]
        raise _out_of_range(name, f"a number from {low:g} to {high:g}", value)


def _out_of_range(name: str, wanted: str, value: object) -> DoppelError:
    return DoppelError(f"{name}_range", f"{name.replace('_', ' ')} must be {wanted}, not {_show(value)}")


def _check_body(body: object) -> None:
    if not isinstance(body, dict):
        raise _bad_body("the body must be an object with named parameters")
    for name, value in body.items():
        if name in BODY_SIZES:
            _check_count(name, value, BODY_SIZES[name])
        elif name in ("format", "version"):
            if not isinstance(value, (str, int)) or len(str(value)) > 64:
                raise _bad_body(f"the body's {name} is not readable")
        elif name == "pose":
            for joint, rotation in _named(name, value):
                _check_count(f"pose of {joint}", rotation, 3)
        elif name == "semantic":
            for slider, amount in _named(name, value):
                _check_count(f"slider {slider}", [amount], 1)
        else:
            raise _bad_body(f"the body has the unknown parameter {_show(name)}")


def _named(name: str, value: object) -> list[tuple[str, Any]]:
    if not isinstance(value, dict) or len(value) > _MAX_NAMED_VALUES:
        raise _bad_body(f"the body's {name} must be an object of at most {_MAX_NAMED_VALUES} named values")
    for key in value:
        if not isinstance(key, str) or not key.isidentifier() or len(key) > 64:
            raise _bad_body(f"the body's {name} has the unusable name {_show(key)}")
    return list(value.items())


def _check_count(name: str, value: object, size: int) -> None:
    count = 0
    for number in _flatten(value):
        if not _is_number(number) or abs(number) > MAX_BODY_VALUE:
            raise _bad_body(f"the body's {name} holds {_show(number)}, which is no usable number")
        count += 1
        if count > size:
            break
    if count != size:
        raise _bad_body(f"the body's {name} must hold {size} numbers, not {'more' if count > size else count}")


def _flatten(value: object, depth: int = 3) -> Iterator[Any]:
    if isinstance(value, (list, tuple)) and depth:
        for item in value:
            yield from _flatten(item, depth - 1)
    else:
        yield value


def _is_number(value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    return not isinstance(value, float) or math.isfinite(value)


def _bad_body(message: str) -> DoppelError:
    return DoppelError("body_invalid", message, "reset the body sliders or check the pose file")


def _choice(names: tuple[str, ...]) -> str:
    return " or ".join(repr(name) for name in names)


def _show(value: object) -> str:
    text = ascii(value) if not isinstance(value, int) or abs(value) < 10**18 else "a very large number"
    return text if len(text) <= 40 else text[:37] + "..."
