# SPDX-License-Identifier: GPL-3.0-or-later
"""Style presets: clothes and looks, in words that the bundled models know."""

import re

STYLES: dict[str, str] = {
    "Business": "grey suit jacket, dark grey trousers and black shoes",
    "Casual": "white t-shirt, blue jeans and sneakers",
    "Smart Casual": "light blue shirt, navy trousers and brown shoes",
    "Sport": "red sportswear, black shorts and white sneakers",
    "Summer": "floral top, white shorts and sandals",
    "Evening": "black dress and heels",
    "Winter": "dark green coat, black trousers and boots",
    "Workwear": "checked shirt, blue overalls, boots and a helmet",
    "Outdoor": "olive camouflage jacket, brown trousers, boots and a hat",
    "Beach": "blue swimsuit, barefoot",
}
"""Name -> what the person wears."""

_WEARING = re.compile(r"[\s,]*\b(?:wearing|in)\b.*$", re.IGNORECASE | re.DOTALL)


def dressed(prompt: str, style: str) -> str:
    """The prompt with its clothes replaced by those of a style: 'a tall man in jeans' -> 'a tall man wearing ...'."""
    person = _WEARING.sub("", prompt.strip()).rstrip(" ,.") or "a person"
    return f"{person} wearing {STYLES[style]}"
