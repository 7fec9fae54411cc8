"""Baking: each side's colours on its side, nothing of the background, nothing through occluders, no seams."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from capsule_person import person_colour
from torch import Tensor

from backend.geometry.extract import extract_surface
from backend.geometry.inpaint import edges_of, push_pull, spread
from backend.geometry.rasterize import rasterize
from backend.geometry.texture import bake_texture
from backend.geometry.topology import adjacent_faces
from backend.geometry.unwrap import unwrap
from rigging.laplacian import cotangent_laplacian
from rigging.normals import vertex_normals

Mesh = tuple[np.ndarray, np.ndarray]
SIZE, PICTURE = 512, 256
GREEN = (0.0, 1.0, 0.0)


class Subject(NamedTuple):
    vertices: np.ndarray
    normals: np.ndarray
    faces: np.ndarray
    uvs: np.ndarray

    @classmethod
    def of(cls, vertices: np.ndarray, faces: np.ndarray) -> Subject:
        atlas = unwrap(vertices, faces, SIZE)
        normals = vertex_normals(vertices, faces)[atlas.source_vertex]
        return cls(vertices[atlas.source_vertex], normals, atlas.faces, atlas.uvs)

    def picture(self, side: int, colour=person_colour, stretch: float = 1.0) -> np.ndarray:
        """(H, W, 4) seen from the front (0) or back (1), before a green background that also hides under alpha 0."""
        fine = 3 * PICTURE
        vertices, faces = torch.from_numpy(self.vertices), torch.from_numpy(self.faces)
        layer = rasterize(vertices * stretch, faces, fine)[side]
        rgba = torch.tensor([*GREEN, 0.0]).repeat(fine, fine, 1)
        points = layer.interpolate(faces, vertices)[layer.mask]
        rgba[layer.mask] = torch.cat([colour(points), torch.ones(len(points), 1)], dim=1)
        return rgba.view(PICTURE, 3, PICTURE, 3, 4).mean(dim=(1, 3)).numpy()

    def bake(self, front: np.ndarray, back: np.ndarray, field=None) -> np.ndarray:
        return bake_texture(self.vertices, self.normals, self.faces, self.uvs, front, back, field, SIZE)

    def read(self, texture: np.ndarray) -> np.ndarray:
        """The texture's colour (F, 3) in 0..1 at the middle of each face."""
        u, v = self.uvs[self.faces].mean(axis=1).T
        return texture[((1 - v) * SIZE).astype(int), (u * SIZE).astype(int)] / 255

    @property
    def middles(self) -> Tensor:
        return torch.from_numpy(self.vertices[self.faces].mean(axis=1))


@pytest.fixture(scope="module")
def person(person_mesh: Mesh) -> Subject:
    return Subject.of(*person_mesh)


def smooth_colour(points: Tensor) -> Tensor:
    return 0.5 + 0.4 * torch.sin(points * 2.0)


def greenish(texture: np.ndarray) -> np.ndarray:
    red, green, blue = texture.astype(int).transpose(2, 0, 1)
    return green > np.maximum(red, blue) + 12


def test_each_side_has_its_picture(person: Subject) -> None:
    read = person.read(person.bake(person.picture(0), person.picture(1)))
    wanted = person_colour(person.middles).numpy()
    facing = person.normals[person.faces].mean(axis=1)[:, 2]
    shirt = (person.middles[:, 1] < 0.45) & (person.middles[:, 1] > -0.1) & (person.middles[:, 0].abs() < 0.12)
    for side in (facing > 0.9, facing < -0.9):
        assert np.abs(read - wanted)[side].mean() < 0.03
        assert np.median(np.abs(read - wanted)[side & shirt.numpy()].max(axis=1)) < 0.03  # the stripes, too
    assert (read[facing > 0.9][:, 0] > 0.3).mean() > 0.4 and (read[(facing < -0.9) & shirt.numpy(), 2] > 0.3).all()


@pytest.mark.parametrize("stretch", [1.0, 0.97, 1.03])
@pytest.mark.parametrize("with_field", [False, True])
def test_background_never_shows(person: Subject, stretch: float, with_field: bool) -> None:
    """Also when the picture does not quite fit the mesh."""
    front, back = (person.picture(side, stretch=stretch) for side in (0, 1))
    assert not greenish(person.bake(front, back, person_colour if with_field else None)).any()


def test_sides_without_a_field_take_what_lies_beside_them(person: Subject) -> None:
    read = person.read(person.bake(person.picture(0), person.picture(1)))
    leg = ((person.middles[:, 1] < -0.3) & (person.middles[:, 1] > -0.7)).numpy()
    assert np.abs(read - person_colour(person.middles).numpy())[leg].max() < 0.12


def test_field_is_matched_to_the_pictures(person: Subject) -> None:
    """A field that is too bright meets the pictures' colours on the sides all the same."""
    colour = person_colour(person.middles).numpy()
    edge_on = np.abs(person.normals[person.faces].mean(axis=1)[:, 2]) < 0.1
    edge_on &= np.abs(person.middles.numpy()[:, 2]) > 0.03
    read = person.read(person.bake(person.picture(0), person.picture(1), lambda p: person_colour(p) * 0.6 + 0.3))
    assert np.abs(colour * 0.6 + 0.3 - colour)[edge_on].mean() > 0.12
    assert np.abs(read - colour)[edge_on].mean() < 0.06


def test_field_colours_what_no_picture_sees(person: Subject) -> None:
    """Soles are seen by neither picture."""
    sole = (person.normals[person.faces].mean(axis=1)[:, 1] < -0.98) & (person.middles[:, 1] < -0.85).numpy()
    read = person.read(person.bake(person.picture(0), person.picture(1), person_colour))
    assert np.abs(read - person_colour(person.middles).numpy())[sole].max() < 0.1


def test_no_step_across_chart_borders(person: Subject) -> None:
    read = person.read(person.bake(person.picture(0, smooth_colour), person.picture(1, smooth_colour), smooth_colour))
    seams = ~_uncut(person)
    assert seams.sum() > 300
    pairs = _neighbours(person)
    step = np.abs(read[pairs[:, 0]] - read[pairs[:, 1]]).max(axis=1)
    assert step[seams].mean() < 2 * step[~seams].mean() + 0.01 and step.max() < 0.15


def _neighbours(person: Subject) -> np.ndarray:
    welded = np.unique(person.vertices, axis=0, return_inverse=True)[1].reshape(-1)
    return adjacent_faces(welded[person.faces])[0]


def _uncut(person: Subject) -> np.ndarray:
    kept = {tuple(pair) for pair in np.sort(adjacent_faces(person.faces)[0], axis=1).tolist()}
    return np.array([tuple(sorted(pair)) in kept for pair in _neighbours(person).tolist()])


def test_occluder_leaves_no_print_on_what_is_behind() -> None:
    plate, plate_faces = extract_surface(lambda p: (p.abs() - p.new_tensor([0.7, 0.7, 0.15])).amax(1), 48, coarse=24)
    ball, ball_faces = extract_surface(lambda p: (p - p.new_tensor([0, 0, 0.6])).norm(dim=1) - 0.25, 48, coarse=24)
    subject = Subject.of(np.concatenate([plate, ball]), np.concatenate([plate_faces, ball_faces + len(plate)]))

    def colour(points: Tensor) -> Tensor:
        of_ball = (points[:, 2] > 0.3)[:, None]
        return torch.where(of_ball, points.new_tensor([0.9, 0.1, 0.1]), points.new_tensor([0.1, 0.2, 0.8]))

    read = subject.read(subject.bake(subject.picture(0, colour), subject.picture(1, colour)))
    behind = (subject.middles[:, 2] < 0.3).numpy()
    assert read[behind, 0].max() < 0.2 and read[behind, 2].min() > 0.7
    front_of_ball = (subject.middles[:, 2] > 0.75).numpy()
    assert read[front_of_ball, 0].min() > 0.8


def test_margins_continue_the_charts(person: Subject) -> None:
    front, back = (person.picture(side, smooth_colour) for side in (0, 1))
    texture = person.bake(front, back, smooth_colour)
    assert texture.shape == (SIZE, SIZE, 3) and texture.dtype == np.uint8
    # a texel outside a border, as filtering reads it, the colour is still the chart's
    corners = person.uvs[person.faces]
    outward = corners - corners.mean(axis=1, keepdims=True)
    outward = corners + outward / np.linalg.norm(outward, axis=2, keepdims=True) / SIZE
    u, v = outward.reshape(-1, 2).T
    read = texture[((1 - v) * SIZE).astype(int), (u * SIZE).astype(int)] / 255
    step = np.abs(read.reshape(-1, 3, 3) - person.read(texture)[:, None]).max(axis=(1, 2))
    assert np.percentile(step, 99) < 0.1


def test_same_bytes_twice(person: Subject) -> None:
    front, back = person.picture(0), person.picture(1)
    assert np.array_equal(person.bake(front, back, person_colour), person.bake(front, back, person_colour))


def test_empty_pictures_leave_the_field(person: Subject) -> None:
    nothing = np.zeros((64, 64, 4), dtype=np.float32)
    field = person.read(person.bake(nothing, nothing, lambda p: torch.full_like(p, 0.5)))
    assert np.abs(field - 0.5).max() < 0.01


def test_push_pull_keeps_and_extends() -> None:
    picture = torch.rand(3, 37, 50, generator=torch.Generator().manual_seed(0))
    known = torch.zeros(37, 50, dtype=torch.bool)
    known[10:20, 10:30] = True
    filled = push_pull(picture, known)
    assert torch.equal(filled[:, known], picture[:, known])
    low, high = picture[:, known].amin(1), picture[:, known].amax(1)
    assert (filled >= low[:, None, None] - 1e-5).all() and (filled <= high[:, None, None] + 1e-5).all()
    assert (push_pull(picture, torch.zeros_like(known)) == 0).all()


def test_spread_is_harmonic(person_mesh: Mesh) -> None:
    """Between the soles and the crown values stay between theirs, and reach makes them fade."""
    vertices, faces = person_mesh
    trust = ((vertices[:, 1] > 0.8) | (vertices[:, 1] < -0.85)).astype(float)
    values = (vertices[:, 1:2] > 0).astype(float)
    carried = spread(values, trust, vertices, faces, blur=0.01)
    assert carried.min() > -1e-3 and carried.max() < 1 + 1e-3
    assert 0.2 < carried[np.abs(vertices[:, 1]) < 0.05].mean() < 0.8
    faded = spread(values, trust, vertices, faces, blur=0.01, reach=0.05)
    assert faded[np.abs(vertices[:, 1]) < 0.05].max() < 0.01


def test_slopes_are_followed_where_nothing_is_trusted() -> None:
    """A strip along x, held at 0 at its left end, asked to rise by 2 a unit."""
    x = np.repeat(np.linspace(0.0, 1.0, 21), 2)
    vertices = np.stack([x, np.tile([0.0, 0.05], 21), np.zeros(42)], axis=1)
    quads = np.arange(40).reshape(-1, 2)[:, :1]
    faces = np.concatenate([quads + [0, 2, 1], quads + [1, 2, 3]])
    first, second, _ = edges_of(cotangent_laplacian(vertices, faces)[0])
    slopes = 2 * (x[first] - x[second])[:, None]
    trust = (x == 0).astype(float)
    risen = spread(np.zeros((42, 1)), trust, vertices, faces, blur=0.05, slopes=slopes)
    assert np.allclose(risen[:, 0], 2 * x, atol=0.02)
