"""People of the test split with their true surface, their pictures, and what is seen of them from around."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from rigging.body_parameters import BodyParameters

from ..data.factory import IMAGE_SIZE, Factory
from ..data.person import draw_person, turned
from ..data.render import Light, Renderer, View, rotation_y
from ..data.surface import is_outside
from ..geometry.view_frame import ViewFrame
from .surface_metrics import Points

AROUND = tuple(i * math.pi / 4 for i in range(4))
"""Yaws of the eight views: each gives two opposite cameras."""
KEY = (1.0, 0.0, 1.0)
"""What hides under the pictures' transparent pixels: no cloth has it, so that it shows if it reaches the texture."""
_VOXEL_CM = 0.5
_PROBE = 0.01
_VOXELS = 192


@dataclass(frozen=True)
class TruePerson:
    """One person of the test split, turned by a yaw, who then is seen from the front and from the back."""

    body: BodyParameters
    frame: ViewFrame
    renderer: Renderer

    @classmethod
    def draw(cls, factory: Factory, index: int, yaw: float) -> TruePerson:
        """The factory's person of an index, turned by ``yaw`` radians; the same person, light and clothes each time."""
        rng = np.random.default_rng([factory.seed, int(factory.held_out), index])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        person = draw_person(factory.catalogue, rng, factory.held_out, factory.poses)
        body = turned(person.body, yaw)
        scene = factory.wardrobe.dress(dataclasses.replace(person, body=body))
        frame = ViewFrame.of_body(scene.body_vertices)
        return cls(body, frame, Renderer(scene, frame, Light.draw(generator)))

    @property
    def centimetres(self) -> float:
        """What one unit of the view cube measures."""
        return 100.0 / self.frame.scale

    @cached_property
    def pictures(self) -> tuple[Tensor, Tensor]:
        """Front and back RGBA [4, 512, 512] in [0, 1], lit, with :data:`KEY` where nothing is."""
        sides = []
        for view in self.around[0]:
            colour = torch.where(view.rgba[3:] > 0.02, view.rgba[:3], torch.tensor(KEY).view(3, 1, 1))
            sides.append(torch.cat([colour, view.rgba[3:]]))
        return sides[0], sides[1]

    @cached_property
    def around(self) -> list[tuple[View, View]]:
        """(front, back) after each yaw of :data:`AROUND`."""
        return [self.renderer.views(IMAGE_SIZE, yaw) for yaw in AROUND]

    @cached_property
    def cameras(self) -> list[tuple[Tensor, Tensor, Tensor]]:
        """Rotation and both depth maps of the horizontal cameras."""
        return [(rotation_y(a), f.depth, b.depth) for a, (f, b) in zip(AROUND, self.around, strict=True)]

    @cached_property
    def surface(self) -> Points:
        """What can be seen of the person, in centimetres, about one point in each cube of 5 mm.

        The views from above and below add only what horizontal cameras look at from the side: soles and shoulders, but
        not the legs under a skirt, whose inside counts as solid.
        """
        places, normals = [], []
        for turn, pair in [(rotation_y(a), views) for a, views in zip(AROUND, self.around, strict=True)]:
            for view in pair:
                point, normal = _unproject(view, turn)
                places.append(point)
                normals.append(normal)
        for view, turn in self._from_above_and_below():
            point, normal = _unproject(view, turn)
            open_air = is_outside(point + _PROBE * normal, self.cameras)
            places.append(point[open_air])
            normals.append(normal[open_air])
        points = torch.cat(places).numpy().astype(np.float64) * self.centimetres
        cells = np.floor((points - points.min(axis=0)) / _VOXEL_CM).astype(np.int64)
        side = cells.max(axis=0) + 1
        _, first = np.unique((cells[:, 0] * side[1] + cells[:, 1]) * side[2] + cells[:, 2], return_index=True)
        unit = torch.nn.functional.normalize(torch.cat(normals), dim=1).numpy().astype(np.float64)
        return Points(points[first], unit[first], _VOXEL_CM)

    @cached_property
    def solid(self) -> np.ndarray:
        """Which voxels (z, row, column) of the view cube no horizontal camera sees to be empty."""
        size = _VOXELS
        seen = ~torch.stack([view.depth.isnan() for view in self.around[0]]).all(0)
        rows, columns = (seen.any(1 - axis).nonzero().squeeze(1) for axis in (0, 1))
        scale = size / IMAGE_SIZE
        top, bottom = int(rows.min() * scale), int(rows.max() * scale) + 1
        left, right = int(columns.min() * scale), int(columns.max() * scale) + 1
        centre = (torch.arange(size) + 0.5) * (2 / size) - 1
        z, y, x = torch.meshgrid(centre, -centre[top:bottom], centre[left:right], indexing="ij")
        inside = ~is_outside(torch.stack([x, y, z], dim=-1).reshape(-1, 3), self.cameras)
        solid = np.zeros((size, size, size), dtype=bool)
        solid[:, top:bottom, left:right] = inside.view(size, bottom - top, right - left).numpy()
        return solid

    def _from_above_and_below(self) -> list[tuple[View, Tensor]]:
        tilt = torch.tensor([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])  # up comes to face the camera
        scene, frame = self.renderer.scene, self.frame
        offset = torch.tensor(frame.offset)
        tilted = dataclasses.replace(
            scene, vertices=(scene.vertices - offset) @ tilt.T + offset, normals=scene.normals @ tilt.T
        )
        above, below = Renderer(tilted, frame, self.renderer.light).views(IMAGE_SIZE)
        return [(above, tilt), (below, tilt)]


def _unproject(view: View, turn: Tensor) -> tuple[Tensor, Tensor]:
    """Points and normals (N, 3) in view space, of a view of the person turned by ``turn``."""
    seen = ~view.depth.isnan()
    row, column = seen.nonzero(as_tuple=True)
    size = view.depth.shape[0]
    place = torch.stack([(column + 0.5) / size * 2 - 1, 1 - (row + 0.5) / size * 2, view.depth[seen]], dim=1)
    return place @ turn, view.normal[:, seen].T @ turn
