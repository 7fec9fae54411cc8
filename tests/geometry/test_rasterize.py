"""The z-buffer against exact answers."""

import numpy as np
import pytest
import torch

from backend.geometry.rasterize import make_fragments, rasterize


def square(z: float, half: float = 0.5) -> tuple[torch.Tensor, torch.Tensor]:
    vertices = torch.tensor([[-half, -half, z], [half, -half, z], [half, half, z], [-half, half, z]])
    return vertices, torch.tensor([[0, 1, 2], [0, 2, 3]])


def test_square_covers_exactly_its_pixels() -> None:
    vertices, faces = square(0.25)
    front, back = rasterize(vertices, faces, 64)
    expected = torch.zeros(64, 64, dtype=torch.bool)
    expected[16:48, 16:48] = True
    assert torch.equal(front.mask, expected)
    assert torch.equal(back.mask, expected)
    assert torch.allclose(front.depth[front.mask], torch.tensor(0.25))


def test_front_sees_the_larger_z_and_back_the_smaller() -> None:
    near, faces = square(0.5)
    far, _ = square(-0.5)
    front, back = rasterize(torch.cat([far, near]), torch.cat([faces, faces + 4]), 32)
    assert (front.face[front.mask] >= 2).all()
    assert (back.face[back.mask] < 2).all()


def test_up_is_up_and_right_is_right() -> None:
    vertices = torch.tensor([[0.5, 0.5, 0.0], [0.9, 0.5, 0.0], [0.7, 0.9, 0.0]])
    front, _ = rasterize(vertices, torch.tensor([[0, 1, 2]]), 100)
    rows, columns = front.mask.nonzero(as_tuple=True)
    assert rows.max() < 26 and columns.min() >= 74


def test_barycentrics_reproduce_positions() -> None:
    generator = torch.Generator().manual_seed(0)
    vertices = torch.rand(30, 3, generator=generator) * 1.8 - 0.9
    faces = torch.arange(30).view(10, 3)
    front, back = rasterize(vertices, faces, 128)
    for layer in (front, back):
        places = layer.interpolate(faces, vertices)[layer.mask]
        rows, columns = layer.mask.nonzero(as_tuple=True)
        assert torch.allclose(places[:, 0], (columns + 0.5) / 64 - 1, atol=2e-4)
        assert torch.allclose(places[:, 1], 1 - (rows + 0.5) / 64, atol=2e-4)
        assert torch.allclose(places[:, 2], layer.depth[layer.mask], atol=2e-4)


def test_same_as_a_brute_force_depth_test() -> None:
    generator = torch.Generator().manual_seed(3)
    vertices = torch.rand(60, 3, generator=generator) * 2.4 - 1.2  # partly outside the picture
    faces = torch.arange(60).view(20, 3)
    size = 48
    front, _ = rasterize(vertices, faces, size)
    centres = (np.arange(size) + 0.5) / size * 2 - 1
    best = np.full((size, size), -np.inf)
    for a, b, c in vertices.double().numpy().reshape(20, 3, 3):
        m = np.array([[a[0], b[0], c[0]], [a[1], b[1], c[1]], [1, 1, 1]])
        x, y = np.meshgrid(centres, -centres)
        w = np.linalg.solve(m, np.stack([x.ravel(), y.ravel(), np.ones(size * size)])).reshape(3, size, size)
        z = np.tensordot([a[2], b[2], c[2]], w, 1)
        best = np.where((w >= 0).all(0), np.maximum(best, z), best)
    same = front.mask.numpy() == np.isfinite(best)
    assert same.mean() > 0.995  # a pixel centre may lie on an edge
    both = front.mask.numpy() & np.isfinite(best)
    assert np.abs(front.depth.numpy()[both] - best[both]).max() < 5e-3


@pytest.mark.parametrize("vertices", [torch.full((3, 3), 5.0), torch.zeros(3, 3)])
def test_nothing_to_see(vertices: torch.Tensor) -> None:
    assert make_fragments(vertices, torch.tensor([[0, 1, 2]]), 16).face.numel() == 0
    front, _ = rasterize(vertices, torch.tensor([[0, 1, 2]]), 16)
    assert not front.mask.any()
