"""What prompts say of cloth."""

import pytest

from backend.cloth.fabric import LOWER, UPPER, fabrics_of, without_quotes


def read(prompt: str, **words: str) -> dict[str, str]:
    return {fabric.area: fabric.motif or fabric.pattern for fabric in fabrics_of(prompt, words)}


@pytest.mark.parametrize(
    ("prompt", "upper", "lower"),
    [
        ("a woman in a blue and white striped T-shirt and jeans", "stripes", None),
        ("a man in striped trousers and a white shirt", None, "stripes"),
        ("a man in a white shirt over striped slim-fit trousers", None, "stripes"),
        ("a man in striped trousers and a spotted shirt", "dots", "stripes"),
        ("dark green stripy shirt, lavender denims", "stripes", None),
        ("a tall man in a flannel shirt", "checks", None),
        ("a woman in a tartan skirt and a hoodie with a logo", "logo", "checks"),
        ("a woman in a sundress with flowers", "floral", None),
        ("a man in a checked suit", "checks", "checks"),
        ("a man in a suit with a striped tie and spotted socks", None, None),
        ("a woman in a red dress", None, None),
    ],
)
def test_words_for_patterns_belong_to_their_garments(prompt: str, upper: str | None, lower: str | None) -> None:
    expected = {area: pattern for area, pattern in ((UPPER, upper), (LOWER, lower)) if pattern}
    assert read(prompt) == expected
    if upper or lower:
        assert read(prompt, pattern="camouflage") == expected, "words that are there count more than a reading"
    elif "tie" not in prompt:
        assert read(prompt, pattern="camouflage") == {UPPER: "camouflage"}


@pytest.mark.parametrize(
    ("prompt", "motif"),
    [
        ('a man in a white t-shirt that says "HELLO"', "HELLO"),
        ("a man in a shirt that says “Olé”", "Olé"),
        ("a woman in a T-shirt with a heart print", "heart"),
        ('a man in a "star" shirt', "STAR"),
        ('a man in a shirt that reads "much too long for a chest"', None),
        ("a heart surgeon in a blue shirt", None),
    ],
)
def test_what_is_printed_can_be_said(prompt: str, motif: str | None) -> None:
    assert read(prompt) == ({UPPER: motif} if motif else {})


def test_quoted_words_are_not_read() -> None:
    assert "RED" not in without_quotes('a man in a black t-shirt that says "RED"')
    assert read('a man in a t-shirt that says "STRIPES"') == {UPPER: "STRIPES"}


def test_a_dress_has_no_lower_garment_and_prompts_differ_in_chance() -> None:
    assert read("a woman in a tartan skirt", lower_kind="dress") == {}
    (one,), (other,) = (fabrics_of(prompt, {}) for prompt in ("a printed tee", "a printed shirt"))
    assert one.chance != other.chance
