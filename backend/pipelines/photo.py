"""A photo to the posed body that stands for its person, and to what the photo shows of the front view."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
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

from ..geometry.body_maps import vertex_normals
from ..geometry.rasterize import Layer, rasterize
from ..models.autoencoder import Autoencoder, premultiply, resize
from ..models.denoiser import BODY_MAP_SIZE
from ..photo.attributes import read_attributes
from ..photo.canonical import FrontPhoto, to_front
from ..photo.fit import BodyFit, BodyFitter
from ..photo.landmarks import Found, Person, find_people, with_details
from ..photo.matte import cut_out
from ..photo.networks import require, shared_networks
from ..photo.read import Photo, read_photo
from ..protocol.errors import DoppelError
from .body import PosedSubject
from .flow import Known
from .front_view import PICTURE_SIZE, ViewResult
from .window import LATENT_SIZE, Window

_READING_SIDE = 512  # pixels of the longer side on which colours are read and the overlay is drawn
_UNSURE = 0.5
_LOOSE = 0.05  # error of the landmarks, share of a person's height, from which a fit is not to be trusted
_TURNED = math.radians(60)


@dataclass(frozen=True)
class Sitter:
    """The person in a photo."""

    photo: Photo
    person: Person
    alpha: NDArray[np.float32]  # (H, W) cut-out
    fit: BodyFit
    words: dict[str, str]  # what can be seen, by slot
    people: int  # how many the photo shows
    chosen: int  # which of them this is, 0 is the largest
    overlay: Image.Image  # fitted body, landmarks and the cut-out's edge over the photo, at most 512 pixels a side
    body_mask: NDArray[np.bool_]  # where the fitted body lies in the overlay

    @property
    def warnings(self) -> list[str]:
        """What was assumed, a sentence each."""
        said = list(self.photo.warnings)
        if self.people > 1:
            which = f"number {self.chosen + 1} by size" if self.chosen else "the largest"
            said.append(f"The photo shows {self.people} people; {which} was taken.")
        unsure = [name for name, sure in zip(JOINT_NAMES[:22], self.fit.confidence, strict=False) if sure < _UNSURE]
        legs = [name for name in unsure if "hip" in name or "knee" in name]
        if legs:
            said.append("The legs are not all in view: what is hidden stands in the default pose and is made up.")
        if self.fit.error > _LOOSE:
            said.append("The body fits the photo badly; correct the sliders, or choose a photo with a plainer pose.")
        if _facing(self.fit.parameters) > _TURNED:
            said.append("The person is turned far to the side: what the camera does not see is guessed.")
        return said

    def front(self, subject: PosedSubject, keep: str, size: int) -> FrontPhoto:
        """What the photo shows of the subject's front view of ``size`` pixels; with ``keep`` "head" the head alone."""
        picture = to_front(self.photo, self.alpha, self.fit.camera, subject.frame, size)
        return picture if keep == "all" else picture.limited_to(_head_region(subject, size))

    def to_dict(self) -> dict[str, Any]:
        """The record that travels with results."""
        return {
            "sha256": self.photo.sha256,
            "people": self.people,
            "person": self.chosen,
            "words": self.words,
            "warnings": self.warnings,
            "camera": self.fit.camera.to_dict(),
            "confidence": {n: round(float(c), 3) for n, c in zip(JOINT_NAMES, self.fit.confidence, strict=True)},
            "error": round(self.fit.error, 4),
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


class PhotoPipeline:
    """Reads photos and fits bodies to the people in them. The networks are opened at the first photo."""

    def __init__(self, model: BodyModel) -> None:
        self.model = model
        self._fitter: BodyFitter | None = None

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
        require()
        photo = read_photo(source)
        networks = shared_networks()
        found = find_people(photo.rgb, networks)
        if not 0 <= person < len(found):
            raise DoppelError(
                "photo_person_unknown",
                f"there is no person {person + 1} in the photo: {len(found)} were found",
                f"choose 1 to {len(found)}, from the largest to the smallest",
            )
        chosen = with_details(photo.rgb, found[person], networks)
        alpha = cut_out(photo, chosen)
        if check is not None:
            check()
        self._fitter = self._fitter or BodyFitter(self.model)
        fit = self._fitter(chosen, alpha, betas, check) if given is None else self._fitter.camera_of(chosen, given)
        shrink = -(-max(photo.size) // _READING_SIDE)
        layer, normals = self._seen(fit, photo.size, shrink)
        words = read_attributes(*_reduced(photo, alpha, chosen.face, shrink), self._parts(layer))
        overlay = _overlay(
            photo.rgb[::shrink, ::shrink], layer, normals, chosen.points / shrink, alpha[::shrink, ::shrink]
        )
        return Sitter(photo, chosen, alpha, fit, words, len(found), person, overlay, layer.mask.numpy())

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


def complete(
    picture: FrontPhoto, subject: PosedSubject, autoencoder: Autoencoder, sample: Callable[[Known], ViewResult]
) -> ViewResult:
    """The whole front view: the photo's pixels where it has them, the rest by ``sample`` around the photo's latents."""
    window = Window.of_body(subject.maps(BODY_MAP_SIZE)[:1])

    def encode(rgba: Tensor) -> Tensor:
        small = premultiply(resize(rgba[None], autoencoder.image_size)).to(subject.device)
        return window.crop(autoencoder.encode(small))

    with torch.no_grad():
        if picture.complete:
            rgba = picture.rgba.to(subject.device)
        else:
            cells = PICTURE_SIZE // LATENT_SIZE
            missing = functional.max_pool2d(1 - picture.known.float()[None, None], cells)
            missing = functional.max_pool2d(missing, 3, 1, 1)  # a code beside what is missing knows of the gap
            shown = torch.cat([picture.rgba[:3], picture.rgba[3:] * picture.known])
            mask = window.crop(1 - missing).to(subject.device)
            rgba = picture.over(sample(Known(encode(shown), mask)).rgba[0])
        return ViewResult(rgba[None], encode(rgba), window)


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
