# SPDX-License-Identifier: GPL-3.0-or-later
"""Names that people meet: objects and export files."""

import re

_SMALL_WORDS = frozenset("a an and at by for from in of on or the to with wearing who that is".split())
_BLENDER_NAME_BYTES = 48  # Blender cuts names at 63 bytes (255 from 5.0) and adds ".001"


def avatar_name(prompt: str, seed: int, hypothesis: int = 0) -> str:
    """'a woman in a red dress with long hair', 7 -> 'Woman Red Dress Long 7': short, readable, and safe as an ID name.

    hypothesis counts from 0 and is shown (as '7b', '7c', ...) from the second on.
    """
    words = [word for word in re.findall(r"[^\W_]+", prompt) if word.casefold() not in _SMALL_WORDS]
    letter = "" if hypothesis == 0 else chr(ord("a") + hypothesis)
    tail = f" {seed}{letter}"
    head = " ".join(word[:1].upper() + word[1:] for word in words[:4]) or "Avatar"
    while len(head.encode()) > _BLENDER_NAME_BYTES - len(tail):
        head = head[:-1]
    return head.rstrip() + tail


def file_stem(name: str) -> str:
    """A file name without extension that every system accepts, from an object's name."""
    stem = re.sub(r"[^\w.-]+", "_", name).strip("._")
    return stem[:80] or "avatar"
