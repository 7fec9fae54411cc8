"""A second photo, from behind: where it lands in the back view, and what is said of it. Most needs no network."""

import dataclasses
import hashlib
import io
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from painted_person import BACK_CAMERA, Painted, body_turned, photo_of, stripes
from PIL import Image

from backend.data.catalogue import Catalogue
from backend.evaluation.staged_photo import Camera, Stage
from backend.photo.canonical import ViewPhoto
from backend.photo.landmarks import exchanged, seems_from_behind
from backend.photo.read import Photo
from backend.pipelines import photo as photo_module
from backend.pipelines.avatar import AvatarPipeline
from backend.pipelines.body import PosedSubject
from backend.pipelines.photo import Behind, PhotoPipeline
from backend.protocol.errors import DoppelError
from backend.protocol.request import GenerateRequest
from rigging.body_model import BodyModel
from rigging.lbs import rodrigues
from rigging.rotations import axis_angle

BODY = body_turned()


@pytest.fixture(scope="module")
def photos() -> PhotoPipeline:
    return PhotoPipeline(BodyModel.load())


@pytest.fixture(scope="module")
def subject() -> PosedSubject:
    return PosedSubject.of(BodyModel.load(), BODY, torch.device("cpu"))


@pytest.fixture(scope="module")
def front(photos: PhotoPipeline) -> Painted:
    return photo_of(BODY, photos.fitter, behind=False)


@pytest.fixture(scope="module")
def back(photos: PhotoPipeline) -> Painted:
    return photo_of(BODY, photos.fitter, behind=True)


@pytest.fixture
def see(monkeypatch: pytest.MonkeyPatch) -> Any:
    """In the place of the networks: says who is in photos, and whether they show a face."""

    def seen(*painted: Painted, face: bool = False) -> None:
        people = iter([picture.person] for picture in painted)
        for name, answer in (
            ("require", lambda: None),
            ("shared_networks", lambda: None),
            ("find_people", lambda rgb, networks: next(people)),
            ("with_details", lambda rgb, person, networks: person),
            ("shows_face", lambda rgb, person, networks: face),
        ):
            monkeypatch.setattr(photo_module, name, answer)

    return seen


def agreement(rgba: torch.Tensor, subject: PosedSubject, rows: slice = slice(None)) -> float:
    """Share of a back view's pixels (4, S, S), on the body, that have the colour of the stripe at their place."""
    size = rgba.shape[-1]
    steps = (np.arange(size) + 0.5) / size * 2 - 1
    x, y = np.meshgrid(steps, -steps)
    places = subject.frame.to_world(np.stack([x, y, np.zeros_like(x)], axis=-1))
    wanted = stripes(places[..., 0], places[..., 1])
    on = (subject.maps(128)[1:, -1:] > 0.5).repeat_interleave(size // 128, 2).repeat_interleave(size // 128, 3)[0, 0]
    found = rgba[:3].permute(1, 2, 0).numpy() * 255
    right, counted = np.abs(found - wanted).max(-1) < 30, on.numpy() & (rgba[3].numpy() > 0.9)
    return float(right[rows][counted[rows]].mean())


def test_the_camera_behind_sees_the_back(photos: PhotoPipeline, back: Painted) -> None:
    assert seems_from_behind(back.person)
    body = dataclasses.replace(BODY, transl=np.array([0.3, -0.2, 0.1]))
    camera = photos.fitter.camera_of(back.person, body, behind=True).camera
    marks = (photos.fitter.landmarks_of(body) + body.transl) * (-1, 1, -1)
    np.testing.assert_allclose(camera.to_pixels(marks), back.person.points, atol=0.01)
    plain = photos.fitter.camera_of(back.person, BODY, behind=True).camera
    assert (plain.scale, plain.x0, plain.y0) == pytest.approx(
        (BACK_CAMERA.scale, BACK_CAMERA.x0, BACK_CAMERA.y0), abs=0.01
    )


def test_stripes_land_unmirrored_at_their_place(
    photos: PhotoPipeline, subject: PosedSubject, back: Painted, see: Any
) -> None:
    see(back)
    behind = photos.behind(back.file, BODY)
    assert behind.used and behind.warnings == [] and behind.apart < 0.001
    outline = subject.maps(512)[1, -1]
    view = behind.back(subject, "all", outline)
    left = view.rgba[:, 200:260, 256:][:, outline[200:260, 256:] > 0.5]
    assert (left[0] > left[2]).float().mean() > 0.9, "the person's left is on the right, as in the front view"
    assert agreement(view.rgba, subject) > 0.95
    off = dataclasses.replace(behind.fit.camera, x0=BACK_CAMERA.x0 + 8, y0=BACK_CAMERA.y0 + 8)  # 5 cm
    astray = dataclasses.replace(behind, fit=dataclasses.replace(behind.fit, camera=off))
    assert agreement(astray.back(subject, "all", outline).rgba, subject) < 0.75
    head = behind.back(subject, "head", outline)
    assert 0 < int(head.known.sum()) < int(view.known.sum()) / 2 and not head.known[300:].any()


def test_where_the_other_photo_has_no_person_nothing_is_known() -> None:
    shown = torch.zeros(4, 200, 200)
    shown[:, 50:150, 80:120] = 1
    alpha = torch.zeros(200, 200)
    alpha[50:150, 78:122] = 1  # the same trunk, a little wider
    alpha[60:70, 122:190] = 1  # an arm that hangs otherwise
    view = ViewPhoto(shown, torch.ones(200, 200, dtype=torch.bool)).within(alpha)
    assert view.rgba[3].equal(alpha) and view.known[100, 79] and not view.known[65, 160] and view.known[10, 10]
    nobody = ViewPhoto(torch.zeros(4, 200, 200), torch.ones(200, 200, dtype=torch.bool)).within(alpha)
    assert not nobody.known.any()


def assumed(photos: PhotoPipeline, see: Any, painted: Painted, face: bool) -> Behind:
    see(painted, face=face)
    return photos.behind(painted.file, BODY)


def test_what_seems_to_be_no_back(photos: PhotoPipeline, front: Painted, back: Painted, see: Any) -> None:
    left_out = assumed(photos, see, front, face=True)
    assert not left_out.used and "from the front" in left_out.warnings[0] and not left_out.to_dict()["used"]
    over_the_shoulder = assumed(photos, see, back, face=True)
    assert over_the_shoulder.used and "shows a face" in over_the_shoulder.warnings[0]
    misread = assumed(photos, see, Painted(back.file, exchanged(back.person)), face=False)
    assert misread.used and "it was taken to be" in misread.warnings[0]
    assert misread.fit.camera.x0 == pytest.approx(BACK_CAMERA.x0, abs=0.1), "left and right were exchanged back"


def test_another_pose_is_told(photos: PhotoPipeline, see: Any) -> None:
    raised = BODY.with_joint("left_shoulder", (0, 0, 0.9)).with_joint("right_shoulder", (0, 0, -0.9))
    behind = assumed(photos, see, photo_of(raised, photos.fitter, behind=True), face=False)
    assert behind.used and behind.apart > 0.04 and "otherwise in the back photo" in behind.warnings[0]


def test_a_photo_that_ends_at_the_waist_is_told(photos: PhotoPipeline, back: Painted, see: Any) -> None:
    visibility = np.where(back.person.points[:, 1] < np.median(back.person.points[:, 1]), 1.0, 0.0)
    half = dataclasses.replace(back.person, visibility=visibility)
    behind = assumed(photos, see, Painted(back.file, half), face=False)
    assert behind.used and ["whole person" in sentence for sentence in behind.warnings] == [True]
    assert behind.fit.camera.x0 == pytest.approx(BACK_CAMERA.x0, abs=0.1)


def test_errors_name_the_back_photo(
    photos: PhotoPipeline, back: Painted, see: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    see(back)
    with pytest.raises(DoppelError, match="the back photo cannot be decoded") as refused:
        photos.behind(back.file[:300], BODY)
    assert refused.value.code == "photo_damaged"
    crowd = dataclasses.replace(back.person, score=0.9)
    monkeypatch.setattr(photo_module, "find_people", lambda rgb, networks: [back.person, crowd])
    assert photos.behind(back.file, BODY).warnings[0].startswith("The back photo shows 2 people")


def test_the_networks_know_a_face_from_a_back(photos: PhotoPipeline, networks: None, astronaut: Photo) -> None:
    behind = photos.behind(png(astronaut.rgb), BODY)
    assert behind.face and behind.facing and not behind.used
    if "DOPPEL_ASSETS" not in os.environ:
        pytest.skip("DOPPEL_ASSETS names no asset folder")
    stage = Stage(Catalogue.load(Path(os.environ["DOPPEL_ASSETS"]), verify=False), seed=21, held_out=True)
    staged = stage.take(3, camera=Camera(np.pi, 0.05, 4.0, (0.0, -0.05), 2.5))
    orient = axis_angle(np.diag([-1.0, 1.0, -1.0]) @ rodrigues(staged.body.global_orient[None]))[0]
    behind = photos.behind(png(staged.rgb), dataclasses.replace(staged.body, global_orient=orient))
    assert behind.used and behind.warnings == [] and behind.apart < 0.03
    assert np.abs((behind.alpha > 0.5) ^ (staged.mask > 0.5)).mean() < 0.01


def png(rgb: np.ndarray) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture(scope="module")
def pipeline() -> AvatarPipeline:
    return AvatarPipeline.from_pretrained(device="cpu")


def views(pipeline: AvatarPipeline, request: GenerateRequest, *painted: Painted) -> list[Any]:
    """Front and backs as they would be lifted."""

    def stop(_request: Any, _subject: Any, front: torch.Tensor, back: torch.Tensor, *_: Any) -> SimpleNamespace:
        return SimpleNamespace(front=front, back=back, provenance={}, character=SimpleNamespace(provenance={}))

    pipeline._solidify = stop  # type: ignore[assignment, method-assign]
    files = [picture.file for picture in painted]
    digests = [hashlib.sha256(file).hexdigest() for file in files]
    return pipeline(
        dataclasses.replace(request, photo=digests[0], back_photo=digests[1]), photo=files[0], back_photo=files[1]
    )


def test_the_back_view_is_the_photo_s(
    pipeline: AvatarPipeline, subject: PosedSubject, front: Painted, back: Painted, see: Any
) -> None:
    request = GenerateRequest(
        prompt="a man", hypotheses=2, steps=2, photo="0" * 64, photo_body="fit", body=BODY.to_dict()
    )
    see(front, back)
    made = views(pipeline, request, front, back)
    assert len(made) == 2
    for avatar in made:
        assert torch.equal(avatar.back[3], avatar.front[3]), "both sides share the silhouette"
        assert agreement(avatar.back, subject) > 0.93
        assert avatar.provenance["photo"]["back"]["used"]
    see(front, back)
    (by_head,) = views(pipeline, dataclasses.replace(request, keep="head", hypotheses=1), front, back)
    assert agreement(by_head.back, subject, slice(None, 170)) > 0.8 > 0.3 > agreement(by_head.back, subject)
    see(front, front, face=True)
    (left_out,) = views(pipeline, dataclasses.replace(request, hypotheses=1), front, front)
    assert not left_out.provenance["photo"]["back"]["used"] and agreement(left_out.back, subject) < 0.5


def test_painted_anew_both_sides_keep_their_colours(
    pipeline: AvatarPipeline, front: Painted, back: Painted, see: Any
) -> None:
    see(front, back)
    request = GenerateRequest(prompt="a man", steps=2, photo="0" * 64, photo_body="repaint")
    (made,) = views(pipeline, request, front, back)
    size = made.front.shape[-1]
    rows, left, right = slice(int(0.34 * size), int(0.42 * size)), int(0.53 * size), int(0.47 * size)
    chest = made.front[:3, rows, right:left].movedim(0, -1) * 255
    assert float(((chest - torch.tensor([120.0, 120, 60])).abs().amax(-1) < 30).float().mean()) > 0.9
    red, _, blue = made.back[:3, rows]
    own_left, own_right = slice(left, left + size // 40), slice(right - size // 40, right)
    assert float((red > 2 * blue)[:, own_left].float().mean()) > 0.9
    assert float((blue > 2 * red)[:, own_right].float().mean()) > 0.9
    assert torch.equal(made.back[3], made.front[3])
    assert made.provenance["photo"]["back"]["used"]
