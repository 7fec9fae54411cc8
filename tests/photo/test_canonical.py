"""The photo in the front view's frame, and the words for it."""

import numpy as np
import torch

from backend.geometry.view_frame import ViewFrame
from backend.models.slots import COLOURS
from backend.photo.attributes import caption, nearest, read_attributes
from backend.photo.canonical import ViewPhoto, to_view
from backend.photo.fit import WeakPerspective
from backend.photo.landmarks import Person
from backend.photo.matte import cut_out
from backend.photo.read import Photo
from rigging.parts import PART_INDEX


def test_pixels_land_where_camera_and_frame_say() -> None:
    rgb = np.zeros((250, 200, 3), np.uint8)
    rgb[99:104, 49:54] = 255
    alpha = np.ones((250, 200), np.float32)
    camera, frame = WeakPerspective(100.0, 100.0, 280.0), ViewFrame(1.0, (0.0, 0.9, 0.0))
    front = to_view(Photo(rgb, None, ""), alpha, camera, frame, 512)
    spot = np.array([(51.5 - 100) / 100, (280 - 101.5) / 100, 0.0])
    x, y, _ = frame.to_view(spot)
    row, column = np.unravel_index(int(front.rgba[0].argmax()), (512, 512))
    assert abs((column + 0.5) / 256 - 1 - x) < 0.02 and abs(1 - (row + 0.5) / 256 - y) < 0.02
    assert front.known[256, 256] and not front.known[510, 256] and not front.complete, "the photo ends below"


def test_photo_over_what_is_made_up() -> None:
    known = torch.zeros(64, 64, dtype=torch.bool)
    known[:32] = True
    rgba = torch.ones(4, 64, 64)
    made = torch.stack([torch.zeros(64, 64)] * 3 + [torch.ones(64, 64)])
    over = ViewPhoto(rgba, known).over(made)
    assert over[0, 10, 10] == 1 and over[0, 50, 10] == 0
    soft = ViewPhoto(torch.ones(4, 320, 320), known.repeat_interleave(5, 0).repeat_interleave(5, 1)).over(
        made.repeat(1, 5, 5)
    )
    assert 0.2 < soft[0, 158, 10] < 0.8
    assert ViewPhoto(rgba, torch.ones(64, 64, dtype=torch.bool)).over(made).equal(rgba)


def test_words_of_a_photo(astronaut: Photo, person: Person) -> None:
    parts = np.full(astronaut.size, -1)
    parts[280:, 120:290] = PART_INDEX["torso"]
    words = read_attributes(astronaut.rgb, cut_out(astronaut, person), person.face, parts)
    assert words["upper_colour"] in ("orange", "red") and words["skin_tone"] in ("light", "tan")
    assert words["hair_style"] in ("short", "bob") and words["hair_colour"] in ("brown", "light brown", "blond")
    assert "lower_kind" not in words, "nothing of the legs is in view"


def test_nothing_is_said_of_what_is_not_seen() -> None:
    rgb, alpha = np.zeros((40, 40, 3), np.uint8), np.ones((40, 40), np.float32)
    assert read_attributes(rgb, alpha, None, np.full((40, 40), -1)) == {}
    assert caption({}) == "a person"


def test_a_caption_reads_like_a_prompt() -> None:
    words = {"gender": "man", "age": "old", "hair_style": "short", "hair_colour": "grey", "upper_kind": "shirt",
             "upper_colour": "blue", "lower_kind": "trousers", "lower_colour": "black"}  # fmt: skip
    assert caption(words) == "an old man with short grey hair in a blue shirt and black trousers"


def test_colours_are_named() -> None:
    from skimage.color import rgb2lab

    for name, rgb in COLOURS.items():
        assert nearest(rgb2lab(np.array([[rgb]]) / 255)[0, 0], COLOURS) == name
