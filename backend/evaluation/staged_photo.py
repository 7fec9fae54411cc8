"""Pictures as a camera takes them, of factory people over real pictures, with all that there is to know about them.

Renderer and rasteriser are orthographic. A pinhole camera is had by bending space beforehand: a point (x, y, z) of the
camera's frame at distance d goes to (x, y) * d / (d - z), the depth stays. Triangles are small enough for the inside of
each to be taken as flat.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from skimage import data
from skimage.transform import resize

from rigging.body_parameters import BodyParameters
from rigging.lbs import rodrigues
from rigging.rotations import axis_angle

from ..data.catalogue import Catalogue
from ..data.person import draw_person
from ..data.poses import pose_bank
from ..data.render import Light, Renderer
from ..data.scene import Scene, Wardrobe
from ..geometry.view_frame import ViewFrame
from .truth import TruePerson

BACKGROUNDS = ("brick", "grass", "gravel", "coffee", "chelsea", "rocket", "coins", "page")
"""Pictures that scikit-image brings; streets and rooms are not among them."""


@dataclass(frozen=True)
class Camera:
    """Turns and place of a pinhole camera about the person's pelvis."""

    yaw: float  # radians that the person turns about the vertical
    pitch: float  # radians; positive looks down on the person
    distance: float  # metres to the pelvis
    centre: tuple[float, float]  # of the picture, metres from the pelvis at its distance
    extent: float  # height and width of the picture, metres at the pelvis

    @classmethod
    def draw(cls, rng: np.random.Generator, height: float, most_yaw: float = np.radians(50)) -> Camera:
        """A photographer's camera: in front, at 2 to 6 metres, one picture in three cut above the knees."""
        extent = height * rng.uniform(1.1, 1.5)
        centre = (float(rng.normal(0, 0.05)), float(rng.normal(-0.02, 0.04) * height))
        if rng.random() < 1 / 3:
            extent = height * rng.uniform(0.65, 0.85)
            centre = (centre[0], height * 0.52 - 0.44 * extent)
        yaw, pitch = rng.uniform(-most_yaw, most_yaw), rng.uniform(-0.2, 0.25)
        return cls(float(yaw), float(pitch), float(rng.uniform(2.0, 6.0) * extent / height), centre, float(extent))

    @property
    def rotation(self) -> NDArray[np.float64]:
        """(3, 3) from the person's world to the camera's frame: x right, y up, z towards the camera."""
        return rodrigues(np.array([[self.pitch, 0, 0]]))[0] @ rodrigues(np.array([[0, self.yaw, 0]]))[0]

    def bend(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Points (N, 3) in the camera's frame about the pelvis to where they are seen, metres at the pelvis."""
        return points * np.array([1.0, 1.0, 0.0]) * (self.distance / (self.distance - points[:, 2:])) + points * (
            0,
            0,
            1,
        )


@dataclass(frozen=True)
class StagedPhoto:
    """A picture and its truth."""

    rgb: NDArray[np.uint8]  # (S, S, 3)
    mask: NDArray[np.float32]  # (S, S) alpha of the person
    body: BodyParameters  # as the camera sees it: global_orient in the camera's frame
    joints: NDArray[np.float64]  # (55, 3) in the camera's frame, metres
    camera: Camera
    person: TruePerson  # the surface, in the camera's frame about the pelvis

    def to_pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Where points (N, 3) of the camera's frame about the pelvis are seen, (N, 2) pixels."""
        size, camera = len(self.rgb), self.camera
        seen = (camera.bend(points)[:, :2] - camera.centre) / camera.extent
        return (np.array([0.5, 0.5]) + seen * (1, -1)) * size


class Stage:
    """Takes pictures of people from a catalogue of assets."""

    def __init__(self, catalogue: Catalogue, seed: int, held_out: bool) -> None:
        self.catalogue, self.seed, self.held_out = catalogue, seed, held_out
        self.wardrobe = Wardrobe(catalogue)
        self.poses = pose_bank(catalogue.root)[0].of_split(held_out)
        self._dressed: tuple[int, Scene] | None = None

    def take(self, index: int, size: int = 512, camera: Camera | None = None) -> StagedPhoto:
        """The picture of an index; ``camera`` in place of a random one."""
        rng = np.random.default_rng([self.seed, int(self.held_out), index])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        person = draw_person(self.catalogue, rng, self.held_out, self.poses)
        if self._dressed is None or self._dressed[0] != index:  # several cameras may look at one person
            self._dressed = index, self.wardrobe.dress(person)
        scene = self._dressed[1]
        height = float(np.ptp(self.wardrobe.body_model.pose(BodyParameters(betas=person.body.betas)).vertices[:, 1]))
        camera = camera or Camera.draw(rng, height)
        pelvis = scene.joints[0]
        turn = camera.rotation

        def seen(points: NDArray[np.float64]) -> NDArray[np.float64]:
            return (points - pelvis) @ turn.T

        straight = dataclasses.replace(
            scene,
            vertices=torch.from_numpy(seen(scene.vertices.double().numpy())).float(),
            normals=(scene.normals.double() @ torch.from_numpy(turn.T)).float(),
            body_vertices=seen(scene.body_vertices),
            joints=seen(scene.joints),
        )
        bent = torch.from_numpy(camera.bend(straight.vertices.double().numpy())).float()
        frame, light = ViewFrame(2 / camera.extent, (*camera.centre, 0.0)), Light.draw(generator)
        view = Renderer(dataclasses.replace(straight, vertices=bent), frame, light).views(size)[0]
        rgba = view.rgba.permute(1, 2, 0).numpy()
        alpha = rgba[..., 3:]
        picture = rgba[..., :3] * alpha + _background(rng, size) * (1 - alpha)
        picture = np.clip(picture + rng.normal(0, 0.012, picture.shape), 0, 1)
        orient = axis_angle(turn @ rodrigues(person.body.global_orient[None]))[0]
        body = dataclasses.replace(person.body, global_orient=orient, transl=np.zeros(3))
        return StagedPhoto(
            (picture * 255).round().astype(np.uint8),
            alpha[..., 0],
            body,
            straight.joints,
            camera,
            _truth(body, straight, light),
        )


def _truth(body: BodyParameters, scene: Scene, light: Light) -> TruePerson:
    frame = ViewFrame.of_body(scene.body_vertices)
    return TruePerson(body, frame, Renderer(scene, frame, light))


def _background(rng: np.random.Generator, size: int) -> NDArray[np.float64]:
    """A part of a real picture, (size, size, 3) in [0, 1]."""
    picture = np.asarray(getattr(data, BACKGROUNDS[int(rng.integers(len(BACKGROUNDS)))])())
    if picture.ndim == 2:
        tint = rng.uniform(0.75, 1.0, 3)
        picture = picture[..., None] * tint
    picture = picture[..., :3] / 255
    side = int(min(picture.shape[:2]) * rng.uniform(0.6, 1.0))
    top, left = (int(rng.integers(0, extent - side + 1)) for extent in picture.shape[:2])
    part = picture[top : top + side, left : left + side]
    return np.clip(resize(part, (size, size), order=1) * rng.uniform(0.7, 1.1), 0, 1)
