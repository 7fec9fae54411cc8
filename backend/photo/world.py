"""Where landmarks lie in space: the pose network's world points, corrected.

The network takes cameras for level and people for turned less than they are. A small network of our own, taught on
staged photos of people whose bodies are known, reads its points and says where the landmarks are, and how far it may
err, much as Martinez et al. 2017 lift points ("A simple yet effective baseline for 3d human pose estimation").

``world.npz`` is made by `tools/build_photo_world.py`.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .landmarks import LANDMARK, OTHER_SIDE, Person

PATH = Path(__file__).with_name("world.npz")
POINTS = 33
FEATURES = POINTS * (3 + 2 + 2 + 1)
WIDTH = 256
_HIPS = [LANDMARK["left_hip"], LANDMARK["right_hip"]]
_USUAL = -2.5  # log of metres that an untaught network errs
_BOUNDS = (-5.0, 1.0)  # of the same

Float = NDArray[np.float64]


class WorldPoints(nn.Module):
    """Features of a person's landmarks to corrections of the world points and logarithms of their errors."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, dropout: float = 0.3) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(FEATURES, WIDTH),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(WIDTH, WIDTH),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(WIDTH, POINTS * 4),
        )
        nn.init.zeros_(self.layers[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.layers[-1].bias)  # type: ignore[arg-type]
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("deviation", torch.ones(FEATURES))

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Features (B, 264) to corrections (B, 33, 3) in metres and the logarithm (B, 33) of the metres they err by."""
        out = self.layers((features - self.mean) / self.deviation)
        correction, error = out.split([POINTS * 3, POINTS], dim=1)
        return correction.view(-1, POINTS, 3), (error + _USUAL).clamp(*_BOUNDS)


def features_of(points: Float, world: Float, visibility: Float) -> tuple[Float, Float]:
    """What the network reads (264,), and the world points (33, 3) about the middle of the hips that it corrects.

    Args:
        points: (33, 2) pixels, y down.
        world: (33, 3) metres; x right, y up, z towards the camera.
        visibility: (33,).
    """
    flat = (points - points[_HIPS].mean(0)) * (1, -1)
    world = world - world[_HIPS].mean(0)
    weight = np.clip(visibility, 0.05, 1)[:, None]
    weight = weight / weight.sum()
    ours, theirs = (p - (weight * p).sum(0) for p in (world[:, :2], flat))
    scale = np.sqrt((weight * theirs**2).sum() / max(float((weight * ours**2).sum()), 1e-9))  # pixels a metre
    flat = flat / max(float(scale), 1e-6)
    return np.concatenate([world.ravel(), (flat - world[:, :2]).ravel(), flat.ravel(), visibility]), world


def mirrored(points: Float, world: Float, visibility: Float) -> tuple[Float, Float, Float]:
    """The same landmarks as a mirror shows them; arguments as for features_of."""
    return points[OTHER_SIDE] * (-1, 1), world[OTHER_SIDE] * (-1, 1, 1), visibility[OTHER_SIDE]


def locate(person: Person, network: WorldPoints) -> tuple[Tensor, Tensor]:
    """Where a person's landmarks lie (33, 3), metres about the middle of the hips in the camera's frame, and how many
    metres each may err (33,): the mean of what the network says of the photo and of its mirror image."""
    seen = person.points, person.world, person.visibility
    read = [features_of(*seen), features_of(*mirrored(*seen))]
    with torch.no_grad():
        correction, error = network(torch.from_numpy(np.stack([f for f, _ in read])).float())
    points = torch.from_numpy(np.stack([w for _, w in read])).float() + correction
    back = points[1, OTHER_SIDE] * points.new_tensor([-1, 1, 1])
    return (points[0] + back) / 2, (error[0] + error[1, OTHER_SIDE]).div(2).exp()


@cache
def load_world_points() -> WorldPoints:
    """The network that ships, read once."""
    network = WorldPoints().eval()
    with np.load(PATH, allow_pickle=False) as archive:
        network.load_state_dict({name: torch.from_numpy(archive[name].astype(np.float32)) for name in archive.files})
    return network
