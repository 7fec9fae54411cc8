#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the pictures of the pose library, blender_addon/pictures/*.png: the open body, grey, on a clear ground.

.venv/bin/python tools/pose_thumbnails.py [--sheet FILE]
"""

import argparse
import importlib
import importlib.util
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "blender_addon" / "pictures"
SIDE, SUPERSAMPLING = 96, 4
SKIN, SUIT = (0.72, 0.82, 0.90), (0.30, 0.45, 0.62)
TURN = np.radians(25.0)  # about the vertical axis, so that what points forward is seen


def extension(name: str) -> object:
    """A module of the extension, imported as Blender does: inside the package that the repository's root is."""
    if "doppel_extension" not in sys.modules:
        spec = ModuleSpec("doppel_extension", loader=None, is_package=True)
        spec.submodule_search_locations = [str(ROOT)]
        sys.modules["doppel_extension"] = importlib.util.module_from_spec(spec)
    return importlib.import_module(f"doppel_extension.blender_addon.core.{name}")


def draw(vertices: np.ndarray, faces: np.ndarray, suit: np.ndarray) -> Image.Image:
    """The body (V, 3), Blender's axes, in its suit (F,), seen from the front and a little from its left, RGBA."""
    size = SIDE * SUPERSAMPLING
    turn = np.array([[np.cos(TURN), -np.sin(TURN), 0], [np.sin(TURN), np.cos(TURN), 0], [0, 0, 1]])
    points = vertices @ turn.T
    low, high = points.min(axis=0), points.max(axis=0)
    scale = 0.94 * size / max(high[0] - low[0], high[2] - low[2])
    middle = (low + high) / 2
    x = (points[:, 0] - middle[0]) * scale + size / 2
    y = size / 2 - (points[:, 2] - middle[2]) * scale
    corners = points[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    normals /= np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    light = np.array([0.3, -0.75, 0.6])
    shade = np.clip(normals @ (light / np.linalg.norm(light)), 0, 1) * 0.75 + 0.25
    image = Image.new("RGBA", (size, size))
    pen = ImageDraw.Draw(image)
    for face in np.argsort(-corners[:, :, 1].mean(axis=1)):  # the painter's order: far ones first
        if normals[face, 1] < 0:
            grey = tuple(int(255 * shade[face] * part) for part in (SUIT if suit[face] else SKIN))
            pen.polygon([(x[v], y[v]) for v in faces[face]], fill=(*grey, 255), outline=(*grey, 255))
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def main() -> int:
    parser = argparse.ArgumentParser(description="Draw the pictures of the pose library.")
    parser.add_argument("--sheet", type=Path, help="write all of them into one picture, too")
    options = parser.parse_args()
    body, poses, hands, limbs = (extension(name) for name in ("body", "poses", "hands", "limbs"))
    FOLDER.mkdir(exist_ok=True)
    curls = dict.fromkeys(hands.CURLS, hands.RELAXED)
    pictures = []
    for name in poses.POSES:
        pose = dict(zip(limbs.BODY_JOINTS, poses.body_pose(name), strict=True))
        surface = body.posed_surface(body.parameters((0.0,) * 10, pose, curls))
        picture = draw(surface, body.triangles(), body.suit())
        picture.quantize(64, method=Image.Quantize.FASTOCTREE).save(FOLDER / f"{name}.png", optimize=True)
        pictures.append(picture)
    if options.sheet:
        sheet = Image.new("RGBA", (SIDE * len(pictures), SIDE), (40, 40, 40, 255))
        for index, picture in enumerate(pictures):
            sheet.alpha_composite(picture, (index * SIDE, 0))
        sheet.save(options.sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
