"""The on-disk dataset: one compressed file a person, pictures as WebP, written whole or not at all.

    <folder>/dataset.json            format version, seed, split, the command that made it
    <folder>/people/000000.npz       see :class:`Sample`

Half of the files may be missing (an interrupted run): readers take what is there, a second run makes the rest.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from rigging.body_parameters import BodyParameters

from ..geometry.view_frame import ViewFrame
from ..protocol.errors import DoppelError

FORMAT_VERSION = 3
SURFACE = ("points", "normals", "albedo", "queries", "sdf", "depth")


@dataclass(frozen=True)
class Sample:
    """A person: two pictures, ground-truth surface, and what made it. P surface points, Q query points."""

    front: Tensor  # [4, 512, 512] uint8 RGBA, lit
    back: Tensor  # [4, 512, 512] uint8, seen through the body
    labels: Tensor  # [2, 256, 256] uint8, Label of front and back
    head: Tensor  # [2, 4, 192, 192] uint8, close-ups of the head, front and back
    body: BodyParameters
    frame: ViewFrame
    captions: list[str]
    attributes: dict[str, str]
    colours: dict[str, list[float]]  # sRGB in [0, 1]
    points: np.ndarray | None  # (P, 3) float16, on the outer surface, view space
    normals: np.ndarray | None  # (P, 3) int8 / 127
    albedo: np.ndarray | None  # (P, 3) uint8 sRGB
    queries: np.ndarray | None  # (Q, 3) float16, view space
    sdf: np.ndarray | None  # (Q,) float16, view units, negative inside
    depth: np.ndarray | None  # (2, 256, 256) float16 z of the front's and the back's surface; nan off it


def person_path(folder: Path, index: int) -> Path:
    return folder / "people" / f"{index:06d}.npz"


def write_sample(path: Path, sample: Sample) -> None:
    """Write to a neighbouring name and rename, so that a file under its own name is always whole."""
    record: dict[str, Any] = {
        "body": sample.body.to_dict(),
        "frame": sample.frame.to_dict(),
        "captions": sample.captions,
        "attributes": sample.attributes,
        "colours": sample.colours,
    }
    arrays: dict[str, Any] = {
        "record": np.frombuffer(json.dumps(record).encode(), dtype=np.uint8),
        "front": _webp(sample.front),
        "back": _webp(sample.back),
        "labels": _png(torch.cat(list(sample.labels))),
        "head_front": _webp(sample.head[0]),
        "head_back": _webp(sample.head[1]),
    }
    for name in SURFACE:
        value = getattr(sample, name)
        if value is not None:
            arrays[name] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    with open(partial, "wb") as stream:
        np.savez(stream, **arrays)
    os.replace(partial, path)


def read_sample(path: Path) -> Sample:
    with np.load(path, allow_pickle=False) as data:
        record = json.loads(data["record"].tobytes())
        arrays = {n: data[n] if n in data.files else None for n in SURFACE}
        return Sample(
            front=_from_webp(data["front"]),
            back=_from_webp(data["back"]),
            labels=torch.stack(_from_png(data["labels"]).chunk(2)),
            head=torch.stack([_from_webp(data["head_front"]), _from_webp(data["head_back"])]),
            body=BodyParameters.from_dict(record["body"]),
            frame=ViewFrame.from_dict(record["frame"]),
            captions=record["captions"],
            attributes=record["attributes"],
            colours=record["colours"],
            **arrays,
        )


def people(folder: Path) -> list[Path]:
    """The people of a dataset, in order. Raises DoppelError when there are none or the format is another."""
    header = folder / "dataset.json"
    if not header.is_file():
        raise DoppelError("data_missing", f"{folder} holds no dataset", "Make one with `doppel data make --out`.")
    version = json.loads(header.read_text(encoding="utf-8")).get("version")
    if version != FORMAT_VERSION:
        raise DoppelError(
            "data_version",
            f"{folder} is in format {version}, this version reads {FORMAT_VERSION}",
            "Make the dataset again with `doppel data make`.",
        )
    found = sorted((folder / "people").glob("*.npz"))
    if not found:
        raise DoppelError("data_missing", f"{folder} holds no people yet", "Let `doppel data make` run first.")
    return found


def read_people(folder: Path) -> Iterator[Sample]:
    for path in people(folder):
        yield read_sample(path)


def _webp(rgba: Tensor) -> np.ndarray:
    stream = io.BytesIO()
    image = Image.fromarray(rgba.permute(1, 2, 0).contiguous().numpy(), "RGBA")
    image.save(stream, "WEBP", quality=92, alpha_quality=95, method=2, exact=False)
    return np.frombuffer(stream.getvalue(), dtype=np.uint8)


def _from_webp(data: np.ndarray) -> Tensor:
    with Image.open(io.BytesIO(data.tobytes())) as image:
        return torch.from_numpy(np.array(image.convert("RGBA"))).permute(2, 0, 1)


def _png(grey: Tensor) -> np.ndarray:
    stream = io.BytesIO()
    Image.fromarray(grey.contiguous().numpy()).save(stream, "PNG")
    return np.frombuffer(stream.getvalue(), dtype=np.uint8)


def _from_png(data: np.ndarray) -> Tensor:
    with Image.open(io.BytesIO(data.tobytes())) as image:
        return torch.from_numpy(np.array(image))
