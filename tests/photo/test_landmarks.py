"""Landmarks and cut-out of a real photo."""

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from backend.photo.crop import Square
from backend.photo.landmarks import BODY_LANDMARKS, LANDMARK, Person, find_people, with_details
from backend.photo.matte import cut_out
from backend.photo.networks import shared_networks
from backend.photo.read import Photo
from backend.pipelines.photo import PhotoPipeline
from backend.protocol.errors import DoppelError
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters

Row = Callable[..., np.ndarray]


def test_squares_there_and_back() -> None:
    square = Square(70.0, 40.0, 60.0, 0.4)
    rows, columns = np.mgrid[:100, :120]
    target = square.to_picture(np.array([0.25, 0.75]))
    blob = np.exp(-((columns + 0.5 - target[0]) ** 2 + (rows + 0.5 - target[1]) ** 2) / 18)
    cut = square.cut(Image.fromarray((blob * 255).astype(np.uint8)), 120)
    y, x = np.unravel_index(cut.argmax(), cut.shape)
    assert abs(x + 0.5 - 30) <= 1.5 and abs(y + 0.5 - 90) <= 1.5
    back = square.paste(cut, 100, 120)
    assert np.abs(back - blob)[30:60, 55:90].max() < 0.05


def test_points_lie_where_they_are_seen(person: Person) -> None:
    seen = {"nose": (223, 130), "left_shoulder": (306, 240), "right_shoulder": (108, 240)}
    for name, place in seen.items():
        assert np.hypot(*(person.points[LANDMARK[name]] - place)) < 20, name
    assert person.visibility[LANDMARK["left_shoulder"]] > 0.8
    assert person.visibility[[LANDMARK["left_knee"], LANDMARK["right_ankle"]]].max() == 0, "outside the picture"
    assert person.face is not None and np.hypot(*(person.face.points[152, :2] - (221, 177))) < 12, "the chin"
    assert person.world[LANDMARK["nose"], 1] > 0.4 and person.world[LANDMARK["nose"], 2] > 0.05, "up, to the camera"


def test_the_cut_out_keeps_the_person_and_drops_flag_and_rocket(astronaut: Photo, person: Person) -> None:
    alpha = cut_out(astronaut, person)
    assert alpha[100:400, 180:230].mean() > 0.98
    assert alpha[:130, 320:].mean() < 0.01 and alpha[:150, :100].mean() < 0.01
    assert 0.35 < alpha.mean() < 0.62


def test_own_transparency_wins(astronaut: Photo, person: Person) -> None:
    transparent = np.zeros(astronaut.size, np.uint8)
    transparent[:200] = 255
    alpha = cut_out(Photo(astronaut.rgb, transparent, ""), person)
    assert alpha[200:].max() == 0 and alpha[130, 223] == 1


def test_nobody(networks: None, nobody: np.ndarray) -> None:
    with pytest.raises(DoppelError) as caught:
        find_people(nobody, shared_networks())
    assert caught.value.code == "photo_no_person"


@pytest.mark.parametrize(
    ("order", "middles"),
    [
        (("astronaut", "mirrored"), (205, 819)),
        (("astronaut", "photographer"), (205, 670)),
        (("astronaut", "mirrored", "photographer"), (205, 819, 1182)),
    ],
)
def test_everybody_of_a_row_is_found(
    networks: None, row_of_people: Row, order: tuple[str, ...], middles: tuple[int, ...]
) -> None:
    people = find_people(row_of_people(*order), shared_networks())
    shoulders = [LANDMARK["left_shoulder"], LANDMARK["right_shoulder"]]
    places = sorted(person.points[shoulders, 0].mean() for person in people)
    assert len(people) == len(middles) and np.abs(np.subtract(places, middles)).max() < 60
    sides = [person.square.side for person in people]
    assert sides == sorted(sides, reverse=True), "the largest first"


def test_nobody_is_found_twice(networks: None, astronaut: Photo) -> None:
    wide = np.pad(astronaut.rgb, ((0, 0), (300, 500), (0, 0)), mode="edge")
    assert len(find_people(wide, shared_networks())) == 1


def test_a_mirrored_photo_shows_the_mirrored_person(networks: None, row_of_people: Row, person: Person) -> None:
    (mirrored,) = find_people(row_of_people("mirrored"), shared_networks())
    other = [name.replace("left", "*").replace("right", "left").replace("*", "right") for name in LANDMARK]
    world = mirrored.world[[LANDMARK[name] for name in other]] * (-1, 1, 1)
    trunk = [LANDMARK[f"{side}_{part}"] for part in ("shoulder", "hip") for side in ("left", "right")]
    assert np.linalg.norm(world - person.world, axis=1)[trunk].max() < 0.03


def test_the_second_person_is_chosen_and_named(networks: None, row_of_people: Row) -> None:
    stream = io.BytesIO()
    Image.fromarray(row_of_people("astronaut", "photographer")).save(stream, "PNG")
    pipeline, body = PhotoPipeline(BodyModel.load()), BodyParameters.a_pose()
    first, second = (pipeline(stream.getvalue(), person=k, given=body) for k in (0, 1))
    assert first.person.points[:, 0].mean() < 512 < second.person.points[:, 0].mean()
    assert first.alpha[:, 700:].max() == 0 and second.alpha[:, :300].max() == 0
    assert "The photo shows 2 people; the largest was taken." in first.warnings
    assert "The photo shows 2 people; number 2 by size was taken." in second.warnings
    with pytest.raises(DoppelError) as caught:
        pipeline(stream.getvalue(), person=2, given=body)
    assert caught.value.code == "photo_person_unknown"


def test_who_shows_a_face_is_not_seen_from_behind(astronaut: Photo, person: Person) -> None:
    (found,) = find_people(astronaut.rgb, shared_networks())
    other = [
        BODY_LANDMARKS.index(name.replace("left", "*").replace("right", "left").replace("*", "right"))
        for name in BODY_LANDMARKS
    ]
    misread = replace(found, points=found.points[other], visibility=found.visibility[other], world=found.world[other])
    mended = with_details(astronaut.rgb, misread, shared_networks())
    assert np.allclose(mended.world, person.world)
    shoulders = [LANDMARK["left_shoulder"], LANDMARK["right_shoulder"]]
    assert np.allclose(mended.points[shoulders], person.points[shoulders])
