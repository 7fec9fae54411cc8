# SPDX-License-Identifier: GPL-3.0-or-later
"""Quality presets: names for sets of the request's technical settings."""

from typing import NamedTuple

from ...backend.protocol.request import GenerateRequest

_DEFAULTS = GenerateRequest(prompt="-")


class Quality(NamedTuple):
    """Settings that trade time for quality."""

    steps: int
    triangles: int
    texture_size: int


QUALITIES: dict[str, Quality] = {
    "FAST": Quality(4, 20_000, 512),
    "STANDARD": Quality(_DEFAULTS.steps, _DEFAULTS.triangles, _DEFAULTS.texture_size),
    "BEST": Quality(20, 80_000, 2048),
}
"""From the fastest to the finest."""

CUSTOM = "CUSTOM"


def quality_of(steps: int, triangles: int, texture_size: int) -> str:
    """The preset that these settings are, or CUSTOM."""
    settings = Quality(steps, triangles, texture_size)
    return next((name for name, quality in QUALITIES.items() if quality == settings), CUSTOM)


def lighter(steps: int, triangles: int, texture_size: int) -> Quality:
    """The next setting that needs less memory and time: the finest preset below, else half the size of everything."""
    for quality in reversed(QUALITIES.values()):
        if quality.triangles < triangles or (quality.triangles <= triangles and quality.texture_size < texture_size):
            return Quality(*map(min, quality, (steps, triangles, texture_size)))
    return Quality(steps, max(triangles // 2, 5_000), 512)
