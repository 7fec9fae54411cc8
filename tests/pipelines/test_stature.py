"""Heights that prompts name."""

import pytest

from backend.pipelines.prompt import stature


@pytest.mark.parametrize(
    ("prompt", "height"),
    [
        ("a tall slim woman in a long yellow dress", 180.0),
        ("A very tall man", 187.0),
        ("a short, heavy, bald man", 160.0),
        ("a petite young lady with long hair", 160.0),
        ("a man, 192 cm, in a suit", 192.0),
        ("a 220cm giant", 210.0),
        ("a woman with short hair", 170.0),
        ("a short-haired woman", 170.0),
        ("a short haired old man", 170.0),
        ("a woman in a short skirt and a tall hat", 170.0),
        ("a man in shorts", 170.0),
        ("a woman with short brown hair and a man's shirt", 170.0),
        ("", 170.0),
    ],
)
def test_only_words_for_people_change_the_height(prompt: str, height: float) -> None:
    assert stature(prompt, 170.0) == height
