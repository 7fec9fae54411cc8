"""The cut-out, without networks: what they would say of a painted picture."""

import numpy as np

from backend.photo.crop import Square
from backend.photo.landmarks import Person
from backend.photo.matte import cut_out
from backend.photo.read import Photo

SIZE = 256


def painted() -> tuple[Photo, Person]:
    """A dark person before grey; the mask has them, a hand apart, a speck of the background, and a veil beside them."""
    rgb = np.full((SIZE, SIZE, 3), 170, np.uint8)
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[60:200, 150:230] = 0.45
    for rows, columns in ((slice(40, 240), slice(90, 150)), (slice(100, 130), slice(30, 60))):
        rgb[rows, columns] = 30
        mask[rows, columns] = 1
    rgb[20:27, 20:27] = 30
    mask[20:27, 20:27] = 1
    points = np.full((33, 2), SIZE / 2.0)
    person = Person(points, np.ones(33), np.zeros((33, 3)), mask, Square(SIZE / 2, SIZE / 2, SIZE), 1.0)
    return Photo(rgb, None, ""), person


def test_person_and_hand_stay_specks_and_veils_go() -> None:
    alpha = cut_out(*painted())
    assert alpha[50:230, 95:145].min() > 0.9 and alpha[105:125, 35:55].min() > 0.9
    assert alpha[:30, :30].max() == 0, "a speck of the background"
    assert alpha[60:200, 160:].max() == 0, "a veil beside the person"
    edge = alpha[140, 150:156]
    assert edge[-1] < 0.4, "nothing beyond the person's own border"
