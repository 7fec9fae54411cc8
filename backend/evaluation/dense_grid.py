"""What coarse-to-fine extraction saves against evaluating the field on a dense grid, in the same run."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
import torch
from scipy.spatial import cKDTree
from skimage.measure import marching_cubes
from torch import Tensor

from ..geometry.extract import Field, extract_surface
from ..geometry.topology import largest_component
from ..pipelines.body import PosedSubject
from ..pipelines.lift import LiftPipeline

_CHUNK = 1 << 18


@dataclass(frozen=True)
class DenseComparison:
    """Both ways to the same surface."""

    resolution: int
    sparse_seconds: float
    dense_seconds: float
    sparse_evaluations: int
    dense_evaluations: int
    farthest: float  # of the sparse surface's vertices from the dense one's, in cells

    @property
    def share(self) -> float:
        """Evaluations of the field, sparse over dense."""
        return self.sparse_evaluations / self.dense_evaluations

    def rows(self) -> str:
        """Lines of the table of `doppel bench`."""
        return (
            f"| extraction at {self.resolution}^3, coarse to fine ({self.share:.1%} of the evaluations) "
            f"| {self.sparse_seconds:.2f} | |\n"
            f"| extraction at {self.resolution}^3, dense grid and scikit-image | {self.dense_seconds:.2f} | |\n"
            f"| ratio; farthest vertex between both | {self.dense_seconds / self.sparse_seconds:.0f}; "
            f"{self.farthest:.2f} cells | |"
        )


@torch.no_grad()
def compare_extraction(
    lift: LiftPipeline, subject: PosedSubject, front: Tensor, back: Tensor, resolution: int = 256
) -> DenseComparison:
    """Extract one person's surface both ways. front, back: [4, H, H] straight RGBA in [0, 1]."""
    planes = lift.read(subject, front, back)
    asked = 0

    def field(points: Tensor) -> Tensor:
        nonlocal asked
        asked += len(points)
        return lift.query(subject, planes, points)[0]

    started = time.perf_counter()
    sparse, _ = extract_surface(field, resolution, device=subject.device)
    sparse_seconds, sparse_asked, asked = time.perf_counter() - started, asked, 0

    started = time.perf_counter()
    dense, _ = dense_surface(field, resolution, subject.device)
    dense_seconds = time.perf_counter() - started
    distance = cKDTree(dense).query(sparse)[0] * (resolution / 2)
    return DenseComparison(
        resolution, sparse_seconds, dense_seconds, sparse_asked, asked, float(np.percentile(distance, 99.9))
    )


@torch.no_grad()
def dense_surface(field: Field, resolution: int, device: torch.device) -> tuple[np.ndarray, np.ndarray]:
    """The largest surface in the cube [-1, 1]^3 by scikit-image on a whole grid: vertices (V, 3), faces (F, 3)."""
    axis = torch.linspace(-1, 1, resolution + 1, device=device)
    grid = torch.cartesian_prod(axis, axis, axis)
    values = torch.cat([field(part).cpu() for part in grid.split(_CHUNK)]).view((resolution + 1,) * 3).numpy()
    vertices, faces, _, _ = marching_cubes(values, 0.0)
    return largest_component(vertices * (2 / resolution) - 1, faces[:, ::-1].astype(np.int64))
