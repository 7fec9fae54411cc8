"""A photo to the posed body that stands for its person, and to what it and one from behind show of the views."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter
from torch import Tensor
from torch.nn import functional

from rigging.atomic import write_bytes
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import JOINT_INDEX, JOINT_NAMES
from rigging.lbs import rodrigues
from rigging.parts import PART_NAMES

from ..geometry.body_maps import vertex_normals
from ..geometry.rasterize import Layer, rasterize
from ..models.autoencoder import Autoencoder, premultiply, resize
from ..models.denoiser import BODY_MAP_SIZE
from ..photo.attributes import read_attributes
from ..photo.canonical import ViewPhoto, to_view
from ..photo.fit import HEIGHT, SEEN, BodyFit, BodyFitter
from ..photo.landmarks import (
    LANDMARK,
    Found,
    Person,
    exchanged,
    find_people,
    seems_from_behind,
    shows_face,
    with_details,
)
from ..photo.matte import cut_out
from ..photo.networks import require, shared_networks
from ..photo.read import Photo, read_photo
from ..photo.repose import Head, SeenBody, reposed, turned_away
from ..protocol.errors import DoppelError
from ..protocol.photo import about_back, of_back
from .body import PosedSubject
from .edit import part_ids
from .flow import Known
from .front_view import PICTURE_SIZE, ViewResult
from .window import LATENT_SIZE, Window

_READING_SIDE = 512  # pixels of the longer side on which colours are read and the overlay is drawn
_UNSURE = 0.5
_LOOSE = 0.05  # error of the landmarks, share of a person's height, from which a fit is not to be trusted
_TURNED = math.radians(60)
_OTHER_POSE = 0.04
"""Mean distance of the limbs in two photos, share of a person's height, from which the poses differ. In renders of one
pose it is 0.01 to 0.015; to 0.03 where the camera behind is 30 degrees off."""
_LIMBS = [
    LANDMARK[f"{side}_{part}"]
    for part in ("shoulder", "elbow", "wrist", "hip", "knee", "ankle")
    for side in ("left", "right")
]


@dataclass(frozen=True)
class _Shown:
    """A person whom a photo shows, and the body that stands for them."""

    photo: Photo
    person: Person
    alpha: NDArray[np.float32]  # (H, W) cut-out
    people: int  # how many the photo shows
    chosen: int  # which of them this is, 0 is the largest
    fit: BodyFit

    @property
    def warnings(self) -> list[str]:
        """What was assumed, a sentence each."""
        said = list(self.photo.warnings)
        if self.people > 1:
            which = f"number {self.chosen + 1} by size" if self.chosen else "the largest"
            said.append(f"The photo shows {self.people} people; {which} was taken.")
        return said

    def to_dict(self) -> dict[str, Any]:
        """The record that travels with results."""
        return {
            "sha256": self.photo.sha256,
            "people": self.people,
            "person": self.chosen,
            "warnings": self.warnings,
            "camera": self.fit.camera.to_dict(),
            "error": round(self.fit.error, 4),
        }

    def _view(self, subject: PosedSubject, keep: str, size: int, behind: bool = False) -> ViewPhoto:
        picture = to_view(self.photo, self.alpha, self.fit.camera, subject.frame, size, behind)
        return picture if keep == "all" else picture.limited_to(_head_region(subject, size))


@dataclass(frozen=True)
class Sitter(_Shown):
    """The person in a photo."""

    words: dict[str, str]  # what can be seen, by slot
    overlay: Image.Image  # fitted body, landmarks and the cut-out's edge over the photo, at most 512 pixels a side
    body_mask: NDArray[np.bool_]  # where the fitted body lies in the overlay

    @property
    def warnings(self) -> list[str]:
        """What was assumed, a sentence each."""
        said = super().warnings
        unsure = [name for name, sure in zip(JOINT_NAMES[:22], self.fit.confidence, strict=False) if sure < _UNSURE]
        legs = [name for name in unsure if "hip" in name or "knee" in name]
        if legs:
            said.append("The legs are not all in view: what is hidden stands in the default pose and is made up.")
        if self.fit.error > _LOOSE:
            said.append("The body fits the photo badly; correct the sliders, or choose a photo with a plainer pose.")
        if _facing(self.fit.parameters) > _TURNED:
            said.append("The person is turned far to the side: what the camera does not see is guessed.")
        return said

    def front(self, subject: PosedSubject, keep: str, size: int) -> ViewPhoto:
        """What the photo shows of the subject's front view of ``size`` pixels; with ``keep`` "head" the head alone."""
        return self._view(subject, keep, size)

    def to_dict(self) -> dict[str, Any]:
        """The record that travels with results."""
        return {
            **super().to_dict(),
            "words": self.words,
            "confidence": {n: round(float(c), 3) for n, c in zip(JOINT_NAMES, self.fit.confidence, strict=True)},
        }

    def save(self, folder: Path) -> None:
        """Write body.json, fit.json, cutout.png and overlay.png; each file is whole or absent."""
        write_bytes(folder / "body.json", (json.dumps(self.fit.parameters.to_dict(), indent=2) + "\n").encode())
        write_bytes(folder / "fit.json", (json.dumps(self.to_dict(), indent=2) + "\n").encode())
        cutout = Image.fromarray(np.dstack([self.photo.rgb, (self.alpha * 255).round().astype(np.uint8)]))
        for name, image in (("cutout", cutout), ("overlay", self.overlay)):
            stream = io.BytesIO()
            image.save(stream, "PNG")
            write_bytes(folder / f"{name}.png", stream.getvalue())


@dataclass(frozen=True)
class Behind(_Shown):
    """The person of a photo, in another one from behind. The camera is that of the front's body after half a turn."""

    face: bool  # whether they show a face
    facing: bool  # whether the pose network took them to face the camera
    apart: float  # how far their limbs are from those of the front's body, share of a person's size

    @property
    def used(self) -> bool:
        """Whether the photo is taken to show the back."""
        return not (self.face and self.facing)

    @property
    def warnings(self) -> list[str]:
        """What was assumed, a sentence each."""
        said = [of_back(sentence) for sentence in super().warnings]
        if not self.used:
            return [*said, "The back photo shows the person from the front: it was left out, and the back is made up."]
        if self.face:
            said.append("The back photo shows a face; the person was taken to look over the shoulder.")
        if self.facing:
            said.append("Nothing in the back photo tells for sure that it is from behind; it was taken to be.")
        if self.person.visibility[_LIMBS].min() < _UNSURE:
            said.append("The back photo does not show the whole person: what is missing is made up.")
        if self.apart > _OTHER_POSE:
            said.append(
                "The person stands otherwise in the back photo than in the photo; it was laid on as well as it goes, "
                "and parts may lie wrong. Take both in the same pose, from the front and straight from behind."
            )
        return said

    def back(self, subject: PosedSubject, keep: str, alpha: Tensor) -> ViewPhoto:
        """What the photo shows of the subject's back view within the front's outline ``alpha`` (S, S); with ``keep``
        "head" the head alone."""
        return self._view(subject, keep, len(alpha), behind=True).within(alpha)

    def to_dict(self) -> dict[str, Any]:
        """The record that travels with results."""
        return {**super().to_dict(), "used": self.used, "apart": round(self.apart, 4)}


class PhotoPipeline:
    """Reads photos and fits bodies to the people in them. The networks are opened at the first photo."""

    def __init__(self, model: BodyModel) -> None:
        self.model = model

    @cached_property
    def fitter(self) -> BodyFitter:
        return BodyFitter(self.model)

    def __call__(
        self,
        source: Path | str | bytes,
        person: int = 0,
        betas: NDArray[np.floating] | None = None,
        given: BodyParameters | None = None,
        check: Callable[[], None] | None = None,
    ) -> Sitter:
        """Find a person and fit a body.

        Args:
            source: path or bytes of a photo.
            person: which one, 0 is the largest.
            betas: (10,) shape to be expected.
            given: a body that is right already, such as a corrected fit: only the camera is then looked for.
            check: called now and then; raises to stop.

        Raises:
            DoppelError: ``photo_...``.
        """
        photo, found = self._people(source)
        if not 0 <= person < len(found):
            raise DoppelError(
                "photo_person_unknown",
                f"there is no person {person + 1} in the photo: {len(found)} were found",
                f"choose 1 to {len(found)}, from the largest to the smallest",
            )
        chosen = with_details(photo.rgb, found[person], shared_networks())
        alpha = cut_out(photo, chosen)
        if check is not None:
            check()
        fit = self.fitter(chosen, alpha, betas, check) if given is None else self.fitter.camera_of(chosen, given)
        shrink = -(-max(photo.size) // _READING_SIDE)
        layer, normals = self._seen(fit, photo.size, shrink)
        words = read_attributes(*_reduced(photo, alpha, chosen.face, shrink), self._parts(layer))
        overlay = _overlay(
            photo.rgb[::shrink, ::shrink], layer, normals, chosen.points / shrink, alpha[::shrink, ::shrink]
        )
        return Sitter(photo, chosen, alpha, len(found), person, fit, words, overlay, layer.mask.numpy())

    def behind(self, source: Path | str | bytes, body: BodyParameters) -> Behind:
        """Find the largest person in a photo from behind, and the camera that sees a body's back as theirs.

        Args:
            source: path or bytes of a photo.
            body: the person's, as the photo from the front shows them.

        Raises:
            DoppelError: ``photo_...``, about the back photo.
        """
        with about_back():
            photo, found = self._people(source)
            alpha = cut_out(photo, found[0])
        face, facing = shows_face(photo.rgb, found[0], shared_networks()), not seems_from_behind(found[0])
        person = exchanged(found[0]) if facing else found[0]
        fit = self.fitter.camera_of(person, body, behind=True)
        return Behind(photo, person, alpha, len(found), 0, fit, face, facing, self._apart(person, fit))

    @staticmethod
    def _people(source: Path | str | bytes) -> tuple[Photo, list[Person]]:
        """A photo and everybody in it, the largest first."""
        require()
        photo = read_photo(source)
        return photo, find_people(photo.rgb, shared_networks())

    def _apart(self, person: Person, fit: BodyFit) -> float:
        """Mean distance of the limbs that a photo from behind shows from those of the fitted body, share of a person's
        size."""
        marks = self.fitter.landmarks_of(fit.parameters) + fit.parameters.transl
        seen = [row for row in _LIMBS if person.visibility[row] > SEEN]
        apart = fit.camera.to_pixels(marks[seen] * (-1, 1, -1)) - person.points[seen]
        return float(np.linalg.norm(apart, axis=1).mean() / fit.camera.scale / HEIGHT) if seen else 1.0

    def _seen(self, fit: BodyFit, size: tuple[int, int], shrink: int) -> tuple[Layer, NDArray[np.float32]]:
        """The fitted body over the photo at 1 / ``shrink``: its layer and its normals, (h, w, 3)."""
        vertices = self.model.pose(fit.parameters).vertices
        pixels = fit.camera.to_pixels(vertices) / shrink
        height, width = (-(-length // shrink) for length in size)
        side = max(height, width)
        view = np.column_stack([pixels[:, 0] / side * 2 - 1, 1 - pixels[:, 1] / side * 2, vertices[:, 2] / 3])
        faces = torch.from_numpy(self.model.faces.astype(np.int64))
        layer = rasterize(torch.from_numpy(view).float(), faces, side)[0]
        normals = layer.interpolate(faces, vertex_normals(torch.from_numpy(vertices).float(), faces))
        cropped = Layer(layer.face[:height, :width], layer.barycentric[:height, :width], layer.depth[:height, :width])
        return cropped, normals[:height, :width].numpy()

    def _parts(self, layer: Layer) -> NDArray[np.int64]:
        """(h, w) body part of each pixel, -1 for none; licensed bodies have no parts."""
        parts = np.full(layer.face.shape, -1, np.int64)
        if self.model.part_ids is not None:
            seen = layer.mask.numpy()
            parts[seen] = self.model.part_ids[self.model.faces[layer.face.numpy()[seen], 0]]
        return parts


class PhotoViews:
    """What the photos show of a subject's views.

    Args:
        sitter: the person in the photo.
        behind: the same from behind, or None.
        subject: the body whose views are made.
        keep: "all", or "head" for the head alone.
        fitted: the body as it stands in the photo, if the subject's pose is another; places are then looked up on the
            body's surface.
    """

    def __init__(
        self, sitter: Sitter, behind: Behind | None, subject: PosedSubject, keep: str, fitted: PosedSubject | None
    ) -> None:
        self.sitter, self.subject, self.keep, self.fitted = sitter, subject, keep, fitted
        self.behind = behind if behind is not None and behind.used else None
        self._cached: dict[int, tuple[ViewPhoto, ViewPhoto]] = {}

    @property
    def warnings(self) -> list[str]:
        """What was assumed beside what sitter and behind say, a sentence each."""
        if self.fitted is None:
            return []
        head = self._head_vertices()
        if turned_away(self.fitted.vertices[head], self.subject.vertices[head]):
            return ["The photo shows the head from another side: head and hair were painted anew."]
        return []

    def front(self, size: int) -> ViewPhoto:
        """What is known of the front view of ``size`` pixels."""
        return self._reposed(size)[0] if self.fitted else self.sitter.front(self.subject, self.keep, size)

    def back(self, alpha: Tensor) -> ViewPhoto | None:
        """What is known of the back view within the front's outline ``alpha`` (S, S); None if that is nothing."""
        if self.fitted:
            shown = self._reposed(len(alpha))[1]
            return shown.within(alpha) if bool(shown.known.any()) else None
        return self.behind.back(self.subject, self.keep, alpha) if self.behind else None

    def _reposed(self, size: int) -> tuple[ViewPhoto, ViewPhoto]:
        if size not in self._cached:
            fitted, subject = self.fitted, self.subject
            assert fitted is not None
            seen = [SeenBody(fitted.vertices.cpu(), self.sitter.front(fitted, self.keep, size))]
            if self.behind is not None:
                nowhere = torch.ones(size, size)
                seen.append(SeenBody(fitted.vertices.cpu(), self.behind.back(fitted, self.keep, nowhere), behind=True))
            mirror = subject.model.mirror
            opposite = None if mirror is None else torch.from_numpy(mirror.astype(np.int64))
            head = Head(self._head_vertices(), _head_region(subject, size))
            self._cached[size] = reposed(seen, subject.vertices.cpu(), subject.faces.cpu(), opposite, head)
        return self._cached[size]

    def _head_vertices(self) -> Tensor:
        return torch.from_numpy(part_ids(self.subject) == PART_NAMES.index("head"))


def complete(
    picture: ViewPhoto,
    subject: PosedSubject,
    autoencoder: Autoencoder,
    sample: Callable[[Known], ViewResult],
    count: int = 1,
) -> ViewResult:
    """``count`` whole views: the photo's pixels where it has them, the rest by ``sample``, which makes as many, around
    the photo's latents."""
    window = Window.of_body(subject.maps(BODY_MAP_SIZE)[:1])

    def encode(rgba: Tensor) -> Tensor:
        small = premultiply(resize(rgba, autoencoder.image_size)).to(subject.device)
        return window.crop(autoencoder.encode(small))

    with torch.no_grad():
        if picture.complete:
            rgba, labels = picture.rgba.to(subject.device).expand(count, -1, -1, -1), None
        else:
            cells = PICTURE_SIZE // LATENT_SIZE
            missing = functional.max_pool2d(1 - picture.known.float()[None, None], cells)
            missing = functional.max_pool2d(missing, 3, 1, 1)  # a code beside what is missing knows of the gap
            shown = torch.cat([picture.rgba[:3], picture.rgba[3:] * picture.known])
            mask = window.crop(1 - missing).to(subject.device)
            made = sample(Known(encode(shown[None]), mask))
            rgba, labels = torch.stack([picture.over(view) for view in made.rgba]), made.labels
        return ViewResult(rgba, labels, encode(rgba), window)


def _reduced(
    photo: Photo, alpha: NDArray[np.float32], face: Found | None, shrink: int
) -> tuple[NDArray[np.uint8], NDArray[np.float32], Found | None]:
    small = None if face is None else Found(face.points / shrink, face.score)
    return photo.rgb[::shrink, ::shrink], alpha[::shrink, ::shrink], small


def _head_region(subject: PosedSubject, size: int) -> Tensor:
    """(S, S) bool: head and neck of the subject in the front view, with room for hair."""
    places = subject.frame.to_view(subject.posed.joints)
    neck, head = places[JOINT_INDEX["neck"]], places[JOINT_INDEX["head"]]
    reach = 2.6 * float(np.linalg.norm(head - neck))
    middle, low = float(head[0]), float(neck[1] + 0.25 * (head[1] - neck[1]))
    steps = (torch.arange(size) + 0.5) / size * 2 - 1
    return ((-steps > low)[:, None]) & ((steps - middle).abs() < reach)[None]


def _facing(body: BodyParameters) -> float:
    """Radians between the way the pelvis faces and the camera."""
    return float(np.arccos(np.clip(rodrigues(body.global_orient[None])[0][2, 2], -1, 1)))


def _overlay(
    rgb: NDArray[np.uint8],
    layer: Layer,
    normals: NDArray[np.float32],
    points: NDArray[np.float64],
    alpha: NDArray[np.float32],
) -> Image.Image:
    seen = layer.mask.numpy()
    out = rgb.astype(np.float32)
    shade = (0.35 + 0.65 * np.clip(normals[..., 2:], 0, 1)) * np.array([120, 190, 255])
    out[seen] = 0.4 * out[seen] + 0.6 * shade[seen]
    edge = Image.fromarray(_edge(alpha > 0.5)).convert("L").filter(ImageFilter.MaxFilter(3))  # to be seen when small
    out[np.asarray(edge) > 0] = (255, 40, 170)
    image = Image.fromarray(out.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for x, y in points:
        draw.ellipse((x - 4, y - 4, x + 4, y + 4), fill=(255, 230, 60), outline=(60, 50, 0))
    return image


def _edge(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """(h, w) the pixels of a mask that have a neighbour outside it."""
    inside = np.pad(mask, 1)
    around = inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    return mask & ~around
