"""What is known before a photo is seen: usual poses, limits of joints, where landmarks lie on the body.

``prior.npz`` is made by `tools/build_photo_prior.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

PATH = Path(__file__).with_name("prior.npz")
DIMENSIONS = 63


@dataclass(frozen=True)
class Prior:
    """Arrays of the prior, float32 on the CPU. K components."""

    means: Tensor  # [K, 63] rotation vectors of the 21 body joints
    factors: Tensor  # [K, 63, 63] upper triangular; |factor (x - mean)|^2 is the squared distance
    offsets: Tensor  # [K] minus log of weight and of the factor's determinant
    low: Tensor  # [21, 3] least and greatest rotation vectors, radians
    high: Tensor  # [21, 3]
    landmark_joint: Tensor  # [33] joint that a landmark lies at
    landmark_frame: Tensor  # [33] joint that it moves with
    landmark_offset: Tensor  # [33, 3] metres in that joint's frame
    landmark_deviation: Tensor  # [33] metres in the picture

    def pose_energy(self, pose: Tensor) -> Tensor:
        """Minus log likelihood (B,) of poses (B, 21, 3) under the mixture's best component, up to a constant."""
        apart = pose.reshape(-1, 1, DIMENSIONS) - self.means
        distance = torch.einsum("kij,bkj->bki", self.factors, apart).square().sum(-1)
        return (0.5 * distance + self.offsets).amin(1) - self.offsets.amin()

    def beyond_limits(self, pose: Tensor) -> Tensor:
        """Sum (B,) of squared radians by which poses (B, 21, 3) exceed the joints' limits."""
        return ((pose - self.high).clamp_min(0) + (self.low - pose).clamp_min(0)).square().sum((1, 2))

    def landmarks(self, joints: Tensor, turned: Tensor) -> Tensor:
        """Where the 33 landmarks lie (B, 33, 3), for joints (B, 55, 3) and their rotations (B, 55, 3, 3)."""
        arm = turned[:, self.landmark_frame] @ self.landmark_offset.unsqueeze(-1)
        return joints[:, self.landmark_joint] + arm.squeeze(-1)


@cache
def load_prior() -> Prior:
    """The prior that ships, read once."""
    with np.load(PATH, allow_pickle=False) as archive:
        arrays = {name: archive[name] for name in archive.files}
    rows, columns = np.triu_indices(DIMENSIONS)
    packed = arrays["mixture_factor"].astype(np.float32)
    factors = np.zeros((len(packed), DIMENSIONS, DIMENSIONS), np.float32)
    factors[:, rows, columns] = packed

    def tensor(name: str) -> Tensor:
        return torch.from_numpy(arrays[name])

    return Prior(
        tensor("mixture_mean"),
        torch.from_numpy(factors),
        tensor("mixture_offset"),
        tensor("limit_low"),
        tensor("limit_high"),
        tensor("landmark_joint").long(),
        tensor("landmark_frame").long(),
        tensor("landmark_offset"),
        tensor("landmark_deviation"),
    )
