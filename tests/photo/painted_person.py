"""Photos of painted bodies, from the front and from behind, and what perfect networks would see in them."""

import io
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from backend.geometry.rasterize import rasterize
from backend.photo.crop import Square
from backend.photo.fit import BodyFitter, WeakPerspective
from backend.photo.landmarks import LANDMARK, Person
from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters

SIZE = 400
BAND = 0.2  # metres of one stripe
LEFT, RIGHT = (
    np.array([200, 30, 30]),
    np.array([30, 30, 200]),
)  # what the person wears behind, on their own left and right
FRONT_CAMERA, BACK_CAMERA = WeakPerspective(180.0, 210.0, 370.0), WeakPerspective(160.0, 165.0, 340.0)


@dataclass(frozen=True)
class Painted:
    """A photo of a painted body."""

    file: bytes  # PNG with alpha
    person: Person


def body_turned() -> BodyParameters:
    return BodyParameters.a_pose().with_joint("pelvis", (0.0, 0.3, 0.0))


def stripes(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Colours (..., 3) of the back at metres of the front camera's frame: the person's left is red, their right blue,
    every other stripe darker."""
    colours = np.where(x[..., None] > 0, LEFT, RIGHT)
    return np.where((np.floor(y / BAND) % 2 > 0)[..., None], colours, colours // 2)


def plain(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.broadcast_to(np.array([120, 120, 60]), (*x.shape, 3))


def photo_of(body: BodyParameters, fitter: BodyFitter, behind: bool) -> Painted:
    """A body from the front, plain, or its back with stripes; the camera behind is the front's after half a turn."""
    model, way = BodyModel.load(), -1 if behind else 1
    camera = BACK_CAMERA if behind else FRONT_CAMERA
    vertices = model.pose(body).vertices * (way, 1, way)
    pixels = camera.to_pixels(vertices)
    view = np.column_stack([pixels[:, 0] / SIZE * 2 - 1, 1 - pixels[:, 1] / SIZE * 2, vertices[:, 2] / 3])
    faces = torch.from_numpy(model.faces.astype(np.int64))
    mask = rasterize(torch.from_numpy(view).float(), faces, SIZE)[0].mask.numpy()
    v, u = np.mgrid[:SIZE, :SIZE] + 0.5
    x, y = way * (u - camera.x0) / camera.scale, (camera.y0 - v) / camera.scale
    rgb = (stripes if behind else plain)(x, y)
    stream = io.BytesIO()
    Image.fromarray(np.dstack([rgb, mask * 255]).astype(np.uint8), "RGBA").save(stream, "PNG")
    marks = fitter.landmarks_of(body) * (way, 1, way)
    world = marks - marks[[LANDMARK["left_hip"], LANDMARK["right_hip"]]].mean(0)
    square = Square(SIZE / 2, SIZE / 2, 2 * SIZE)
    person = Person(camera.to_pixels(marks), np.ones(33), world, np.ones((256, 256), np.float32), square, 1.0)
    return Painted(stream.getvalue(), person)
