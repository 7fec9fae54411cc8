"""What both sides agree on about photographs that travel with a request."""

from __future__ import annotations

MAX_PHOTO_BYTES = 32 * 1024 * 1024
"""Of the file as it is sent: a frame beyond it is refused unread."""

KEEP = ("all", "head")
"""What stays as the photo shows it: everything in view, or only the head while the prompt decides the rest."""

MAX_PEOPLE = 16
"""How many people of one photo can be chosen among."""

PHOTO_BODY = ("target", "fit")
"""What a request's body is beside a photo: the pose to stand in afterwards, or the body as it stands in the photo."""
