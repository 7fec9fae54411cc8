"""The grammar of captions: what it says it says of the right thing, in any order."""

import numpy as np

from backend.data.captions import write_caption

ATTRIBUTES = {
    "gender": "woman",
    "age": "young",
    "skin_tone": "dark",
    "hair_style": "bob",
    "hair_colour": "blond",
    "upper_kind": "t-shirt",
    "upper_colour": "teal",
    "pattern": "plain",
    "lower_kind": "jeans",
    "lower_colour": "orange",
    "shoes_kind": "boots",
    "shoes_colour": "white",
    "headwear": "none",
    "eyewear": "none",
}
TOPS, LEGS = ("t-shirt", "tee"), ("jeans", "denims")


def captions(count: int) -> list[tuple[str, dict[str, str]]]:
    rng = np.random.default_rng(3)
    return [write_caption(ATTRIBUTES, rng) for _ in range(count)]


def place(text: str, words: tuple[str, ...]) -> int:
    return min((text.find(word) for word in words if word in text), default=-1)


def test_colours_stand_with_their_garments() -> None:
    for text, said in captions(400):
        text = text.lower()
        for colour, nouns in (("teal", TOPS), ("orange", LEGS)):
            if colour in text:
                between = sorted((text.find(colour), place(text, nouns)))
                assert "," not in text[between[0] : between[1]] and " and " not in text[between[0] : between[1]], text
        assert ("teal" in text) == ("upper_colour" in said)
        assert ("orange" in text) == ("lower_colour" in said)
        assert ("white" in text) == ("shoes_colour" in said)


def test_clothes_come_in_any_order_and_style() -> None:
    texts = [text.lower() for text, said in captions(400) if {"upper_kind", "lower_kind"} <= said.keys()]
    legs_first = np.mean([place(text, LEGS) < place(text, TOPS) for text in texts])
    assert 0.15 < legs_first < 0.5
    assert any("she wears" in text for text in texts)
    assert any(text.startswith(("young", "woman", "lady")) for text in texts)  # tags have no articles


def test_a_colour_of_hair_can_come_without_a_style() -> None:
    for text, said in captions(400):
        if "hair_style" not in said and "hair_colour" in said:
            assert any(f"{word} hair" in text for word in ("blond", "blonde", "golden", "fair")), text
            return
    raise AssertionError("never said")
