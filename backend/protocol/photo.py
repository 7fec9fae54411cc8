"""What both sides agree on about photographs that travel with a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .errors import DoppelError

MAX_PHOTO_BYTES = 32 * 1024 * 1024
"""Of the file as it is sent: a frame beyond it is refused unread."""

KEEP = ("all", "head")
"""What stays as the photo shows it: everything in view, or only the head while the prompt decides the rest."""

MAX_PEOPLE = 16
"""How many people of one photo can be chosen among."""

PHOTO_BODY = ("target", "fit", "repaint")
"""What a request's body is beside a photo: the pose to stand in afterwards, the body as it stands in the photo, or the
pose in which the views are painted anew."""


def of_back(sentence: str) -> str:
    """What is said of the photo, said of the one from behind."""
    return sentence.replace("the photo", "the back photo").replace("The photo", "The back photo")


@contextmanager
def about_back() -> Iterator[None]:
    """Errors about a photo name the one from behind."""
    try:
        yield
    except DoppelError as error:
        raise DoppelError(error.code, of_back(error.message), error.hint) from None
