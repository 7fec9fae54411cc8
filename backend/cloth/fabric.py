"""What a prompt says of the cloth of clothes: patterns, and what is printed or written on the chest."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass

from .prints import MOTIFS

LONGEST_WORD = 12
UPPER, LOWER = "upper", "lower"
_QUOTED = re.compile(r"[\"“„«]\s*([^\"”“»]{1,40}?)\s*[\"”“»]")
_SHAPES = "|".join(motif for motif in MOTIFS if motif.islower())
_NAMED = re.compile(rf"\b({_SHAPES})\b[- ](?:print|motif|logo|on (?:it|the chest))", re.I)
_CALLED = {
    "stripes": r"strip(?:ed|y|es)|pin-?strip(?:ed?|es)",
    "checks": r"checked|checkered|chequered|plaid|tartan|gingham|flannel",
    "dots": r"dotted|dots|polka[- ]dots?|spotted",
    "camouflage": r"camo|camouflaged?",
    "floral": r"floral|flowery|flowered|flowers|hawaiian",
    "logo": r"printed|graphic|logo|slogan|emblem",
}
_BETWEEN = r"(?:[ -](?!and\b|with\b|in\b|over\b|above\b|on\b|shirt|tee|top|dress)[\w-]+){0,2}? "
_WORN = {
    LOWER: rf"{_BETWEEN}(?:trousers|pants|slacks|jeans|denims|leggings|skirt|miniskirt|shorts)\b",
    "both": rf"{_BETWEEN}(?:suit|tracksuit|uniform|pyjamas|overalls|dungarees|jumpsuit)\b",
    "neither": rf"{_BETWEEN}(?:socks|shoes|sneakers|trainers|boots|sandals|heels|tie|scarf|hat|cap|helmet)\b",
}
"""What follows a word for a pattern that is not the upper garment's alone."""


@dataclass(frozen=True)
class Fabric:
    """What one garment's cloth looks like.

    Args:
        area: UPPER or LOWER.
        pattern: of backend.cloth.patterns.PATTERNS, or "logo" for a print on the chest.
        kind: of garment, a choice of the slot ``upper_kind`` or ``lower_kind``.
        motif: what is printed; None leaves it to the seed.
        chance: a number of the prompt's, so that the same seed does not print the same on everybody.
    """

    area: str
    pattern: str
    kind: str
    motif: str | None = None
    chance: int = 0


def fabrics_of(prompt: str, words: dict[str, str]) -> list[Fabric]:
    """The clothes that are not plain.

    By rule beside the prompt encoder's reading (``words`` by slot), which knows fewer words for patterns and takes
    striped trousers for a striped shirt. A text in quotation marks, or a named motif, is printed.
    """
    chance = zlib.crc32(prompt.encode())
    upper_kind, lower_kind = words.get("upper_kind", "t-shirt"), words.get("lower_kind", "trousers")
    called = _called(without_quotes(prompt))
    motif = _motif(prompt)
    upper = "logo" if motif else called.get(UPPER, "plain" if called else words.get("pattern", "plain"))
    lower = called.get(LOWER, "plain")
    found = [] if upper == "plain" else [Fabric(UPPER, upper, upper_kind, motif, chance)]
    if lower not in ("plain", "logo") and lower_kind != "dress":
        found.append(Fabric(LOWER, lower, lower_kind, None, chance))
    return found


def without_quotes(prompt: str) -> str:
    """The prompt without what is to be written on clothes: it says nothing of the person."""
    return _QUOTED.sub("a print", prompt)


def _motif(prompt: str) -> str | None:
    written, named = _QUOTED.search(prompt), _NAMED.search(prompt)
    if written and len(written[1]) <= LONGEST_WORD:
        return written[1].upper() if written[1].lower() in MOTIFS else written[1]
    return named[1].lower() if named else None


def _called(prompt: str) -> dict[str, str]:
    """The first pattern that words name for each area; other areas than UPPER and LOWER are none of ours."""
    found: dict[str, tuple[int, str]] = {}
    for pattern, words in _CALLED.items():
        for word in re.finditer(rf"\b(?:{words})\b", prompt, re.I):
            rest = prompt[word.end() :]
            area = next((area for area, worn in _WORN.items() if re.match(worn, rest, re.I)), UPPER)
            for each in (UPPER, LOWER) if area == "both" else (area,):
                found[each] = min(found.get(each, (len(prompt), "")), (word.start(), pattern))
    return {area: pattern for area, (_, pattern) in found.items()}
