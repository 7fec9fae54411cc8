"""What the asset folder holds, in words and regions that the factory can use.

`catalogue.json` says of every asset what was seen when it was looked at: kind, who wears it, caption words, and
which UV islands make up its upper and lower part, so that the parts of a one-mesh outfit can be coloured, named
and mixed apart. `split.json` names what training never sees. The files themselves are not in this repository:
docs/assets.md says where they come from.

    python -m backend.data.catalogue --list         entries, and what was left out and why
    python -m backend.data.catalogue --checksums    what docs/assets.sha256 holds
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from skimage.color import rgb2lab

from .mhclo import AssetError, Float, Garment, Int, Texture, load_mhclo, load_mhmat, open_texture

ENVIRONMENT_VARIABLE = "DOPPEL_ASSETS"
HERE = Path(__file__).parent

Kind = Literal[
    "full-outfit", "top", "bottom", "dress", "skirt", "coat", "shoes", "hat", "glasses",
    "hair", "eyebrows", "eyelashes", "eyes", "teeth", "tongue", "skin",
]  # fmt: skip
Gender = Literal["male", "female", "any"]

LAYER: dict[str, int] = {
    "shoes": 0, "bottom": 1, "skirt": 1, "top": 2, "dress": 2, "full-outfit": 2, "coat": 4,
    "hair": 5, "glasses": 6, "hat": 7,
}  # fmt: skip
"""Order from the skin outwards; an entry's own `layer` overrules its kind's. What is not here lies in the face."""

FOREHEAD_AND_CHEEKS = ((0.79, 0.83, 0.49, 0.51), (0.865, 0.885, 0.53, 0.56), (0.865, 0.885, 0.41, 0.44))
"""(u0, u1, v0, v1) boxes of bare skin in the hm08 layout, also in the skins with a painted suit."""


class Region(IntEnum):
    """What a face belongs to when colours are changed. OTHER keeps its own: buttons, ties, buckles, lenses."""

    OTHER = 0
    UPPER = 1
    LOWER = 2
    SHOES = 3
    SOCKS = 4
    ACCESSORY = 5
    HAIR = 6


@dataclass(frozen=True)
class Source:
    """Who made an asset, and the licence it came under."""

    author: str
    licence: str
    url: str


@dataclass(frozen=True)
class Part:
    """A separately named and coloured part of a mesh."""

    region: Region
    slot: str  # the one word that stands for all of `words`: "t-shirt", "jeans", "bob", ...
    words: tuple[str, ...]  # nouns for captions, most usual first
    pattern: str  # "plain", "stripes", "floral", "logo", ...: stays visible when colours change
    palette: str  # which colours are likely: "any", "denim", "suit", "leather", "hair", or "keep" (none but its own)
    islands: frozenset[int] | None  # UV islands; None = all
    keep: frozenset[int]  # those among them that keep their colour
    alone: bool  # can be worn without the entry's other parts
    waist: Literal["", "bare", "rough"]  # an upper part that leaves it bare, a lower one whose rim must be covered


@dataclass(frozen=True)
class SkinTraits:
    age: Literal["young", "middle", "old"]
    tone: Literal["african", "asian", "caucasian"]
    suit: bool  # a bodysuit is painted on: the body counts as clothed


@dataclass(frozen=True)
class Entry:
    """One asset."""

    id: str
    kind: Kind
    gender: Gender
    path: Path
    words: tuple[str, ...]
    covers: tuple[str, ...]  # "torso", "legs", "shins", "feet", "head"
    parts: tuple[Part, ...]
    layer: int
    source: Source
    variants: Mapping[str, Path]  # name (a colour) -> .mhmat
    skin: SkinTraits | None
    held_out: bool
    islands: int | None  # how many UV islands the mesh must have for `parts` to be right
    drop: frozenset[int]  # islands left out of the mesh

    def fits(self, gender: Gender) -> bool:
        return "any" in (gender, self.gender) or gender == self.gender

    def part(self, region: Region) -> Part | None:
        return next((p for p in self.parts if p.region == region), None)


@dataclass(frozen=True)
class Piece:
    """An entry worn whole (region None) or only one part of it."""

    entry: Entry
    region: Region | None = None


@dataclass(frozen=True)
class Outfit:
    """Clothes that together dress a body from shoulder to thigh, without shoes."""

    pieces: tuple[Piece, ...]

    @property
    def held_out(self) -> bool:
        return any(p.entry.held_out for p in self.pieces)

    @property
    def name(self) -> str:
        return " + ".join(p.entry.id + (f".{p.region.name.lower()}" if p.region else "") for p in self.pieces)


@dataclass(frozen=True)
class LabColour:
    """Mean and spread in CIE L*a*b* (D65), for recolouring relative to the mean."""

    mean: tuple[float, float, float]
    std: tuple[float, float, float]


class Maker(Protocol):
    """Where the meshes and textures of entries come from. Raises AssetError."""

    def garment(self, entry: Entry, variant: str | None) -> tuple[Garment, Int]:
        """A mesh and the UV island (F,) of each of its faces."""

    def skin(self, entry: Entry) -> Texture | None:
        """The diffuse texture of a skin."""


class Files:
    """Entries as the files that their paths name."""

    def garment(self, entry: Entry, variant: str | None) -> tuple[Garment, Int]:
        """Without the islands that the entry drops."""
        garment = load_mhclo(entry.path, entry.variants[variant] if variant else None)
        found = uv_islands(garment.uv_faces)
        if entry.islands is not None and found.max() + 1 != entry.islands:
            raise AssetError(
                entry.path, f"has {found.max() + 1} UV islands, the catalogue was written for {entry.islands}"
            )
        kept = ~np.isin(found, sorted(entry.drop))
        return (garment if kept.all() else garment.subset(kept)), found[kept]

    def skin(self, entry: Entry) -> Texture | None:
        return load_mhmat(entry.path).texture


class Catalogue:
    """The usable assets below one folder. `problems` says what was left out and why."""

    def __init__(
        self, root: Path, entries: tuple[Entry, ...], problems: tuple[AssetError, ...], maker: Maker | None = None
    ) -> None:
        self.root = root
        self.entries = entries
        self.problems = problems
        self._by_id = {entry.id: entry for entry in entries}
        self._maker = maker or Files()
        self._made: dict[tuple[str, str | None], tuple[Garment, Int]] = {}

    @classmethod
    def load(cls, root: Path | str | None = None, verify: bool = True) -> Catalogue:
        """Read the catalogue for the files below `root` (default: the folder that DOPPEL_ASSETS names).

        verify: read every mesh now (some seconds), so that a broken one becomes a problem here and not later.
        Without it only missing files are noticed. Raises AssetError where the folder itself is missing.
        """
        root = Path(root or os.environ.get(ENVIRONMENT_VARIABLE) or "")
        if root == Path("") or not root.is_dir():
            raise AssetError(
                root,
                "is not the asset folder",
                f"Set {ENVIRONMENT_VARIABLE} to it, see docs/assets.md; `doppel data make --procedural` needs none.",
            )
        entries: list[Entry] = []
        problems: list[AssetError] = []
        for entry in _entries(root):
            try:
                _check_files(entry)
                entries.append(entry)
            except AssetError as error:
                problems.append(error)
        catalogue = cls(root, tuple(entries), tuple(problems))
        return catalogue._verified() if verify else catalogue

    def _verified(self) -> Catalogue:
        problems = list(self.problems)
        usable: list[Entry] = []
        for entry in self.entries:
            try:
                if entry.kind == "skin":
                    open_texture(self.texture(entry))
                for variant in () if entry.kind == "skin" else (None, *entry.variants):
                    self.texture(entry, variant)
                usable.append(entry)
            except AssetError as error:
                problems.append(error)
        verified = Catalogue(self.root, tuple(usable), tuple(problems), self._maker)
        verified._made = self._made
        return verified

    def __getitem__(self, entry_id: str) -> Entry:
        return self._by_id[entry_id]

    def select(self, *kinds: Kind, gender: Gender = "any", held_out: bool | None = None) -> list[Entry]:
        """Entries of any of these kinds that fit a gender; held_out: only (True) or never (False) held-out ones."""
        return [
            e
            for e in self.entries
            if e.kind in kinds and e.fits(gender) and (held_out is None or e.held_out == held_out)
        ]

    def garment(self, entry: Entry | str, variant: str | None = None) -> Garment:
        """The mesh of an entry, cached; variant: a name in `entry.variants` (default: the file's own material)."""
        entry = self[entry] if isinstance(entry, str) else entry
        return self._mesh(entry, variant)[0]

    def _mesh(self, entry: Entry, variant: str | None = None) -> tuple[Garment, Int]:
        key = (entry.id, variant)
        if key not in self._made:
            self._made[key] = self._maker.garment(entry, variant)
        return self._made[key]

    def texture(self, entry: Entry | str, variant: str | None = None) -> Texture:
        """The diffuse texture of an entry, a skin's too."""
        entry = self[entry] if isinstance(entry, str) else entry
        texture = self._maker.skin(entry) if entry.kind == "skin" else self.garment(entry, variant).texture
        if texture is None:
            raise AssetError(entry.path, "has no diffuse texture")
        return texture

    def region_of_face(self, entry: Entry | str) -> NDArray[np.uint8]:
        """(F,) Region of each face for recolouring; faces that keep their colour are OTHER."""
        return self._labels(entry, colours=True)

    def part_of_face(self, entry: Entry | str) -> NDArray[np.uint8]:
        """(F,) Region of the part that each face is worn with: a button counts to its shirt."""
        return self._labels(entry, colours=False)

    def _labels(self, entry: Entry | str, colours: bool) -> NDArray[np.uint8]:
        entry = self[entry] if isinstance(entry, str) else entry
        _, islands = self._mesh(entry)
        labels = np.zeros(len(islands), dtype=np.uint8)
        for part in entry.parts:
            member = np.ones(len(islands), bool) if part.islands is None else np.isin(islands, sorted(part.islands))
            if colours:
                member &= ~np.isin(islands, sorted(part.keep)) & (part.palette != "keep")
            labels[member] = part.region
        return labels

    def piece(self, piece: Piece, base_vertices: Float) -> tuple[Garment, NDArray[np.uint8]]:
        """The mesh of a piece and its faces' recolouring regions (F,).

        base_vertices: (19158, 3) any hm08 body, metres; decides which of the hidden body vertices lie under the
        part that is worn.
        """
        garment, regions = self.garment(piece.entry), self.region_of_face(piece.entry)
        if piece.region is None:
            return garment, regions
        parts = self.part_of_face(piece.entry)
        chosen = parts == piece.region
        if not chosen.any():
            raise ValueError(f"{piece.entry.id} has no {piece.region.name.lower()} part")
        return garment.subset(chosen, base_vertices), regions[chosen]

    def colours(self, entry: Entry | str, variant: str | None = None) -> dict[Region, LabColour]:
        """The colour of each region as the texture shows it, weighted by area in the texture."""
        entry = self[entry] if isinstance(entry, str) else entry
        garment, regions = self.garment(entry, variant), self.region_of_face(entry)
        corners = garment.uvs[garment.uv_faces]  # (F, 3, 2)
        edge, other = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        area = np.abs(edge[:, 0] * other[:, 1] - edge[:, 1] * other[:, 0]) + 1e-12
        places = np.array([[4, 1, 1], [1, 4, 1], [1, 1, 4], [2, 2, 2]]) / 6.0
        points = np.einsum("kc,fcd->fkd", places, corners)  # (F, 4, 2)
        rgba = _sample(self.texture(entry, variant), points.reshape(-1, 2)).reshape(*points.shape[:2], 4)
        lab = rgb2lab(rgba[..., :3])
        weights = area[:, None] * (rgba[..., 3] > 0.5)
        found: dict[Region, LabColour] = {}
        for region in np.unique(regions):
            w = weights[regions == region].ravel()
            if w.sum() > 0:
                found[Region(region)] = _lab_colour(lab[regions == region].reshape(-1, 3), w)
        return found

    def skin_colour(self, entry: Entry | str) -> LabColour:
        """The colour of a skin on forehead and cheeks."""
        texture = self.texture(entry)
        boxes = []
        for u0, u1, v0, v1 in FOREHEAD_AND_CHEEKS:
            u, v = np.meshgrid(np.linspace(u0, u1, 24), np.linspace(v0, v1, 24))
            boxes.append(np.stack([u.ravel(), v.ravel()], axis=1))
        lab = rgb2lab(_sample(texture, np.concatenate(boxes))[:, :3])
        return _lab_colour(lab, np.ones(len(lab)))

    def outfits(self, gender: Gender, held_out: bool | None = None) -> list[Outfit]:
        """Every set of clothes that can be worn as it is: outfits, dresses, and tops with bottoms.

        Upper and lower parts of one-mesh outfits are mixed with each other and with single tops and bottoms.
        held_out: False = nothing held out, True = at least one piece held out. Coats go over any of them.
        """
        wholes = [Outfit((Piece(e),)) for e in self.select("full-outfit", "dress", gender=gender)]
        mixed = [
            Outfit((lower, upper))
            for upper in self._pieces(Region.UPPER, gender)
            for lower in self._pieces(Region.LOWER, gender)
            if upper.entry is not lower.entry and (_waist(upper), _waist(lower)) != ("bare", "rough")
        ]
        return [o for o in wholes + mixed if held_out is None or o.held_out == held_out]

    def _pieces(self, region: Region, gender: Gender) -> Iterator[Piece]:
        single: tuple[Kind, ...] = ("top",) if region == Region.UPPER else ("bottom", "skirt")
        for entry in self.select(*single, "full-outfit", gender=gender):
            part = entry.part(region)
            if part is not None and part.alone:
                yield Piece(entry, region if entry.kind == "full-outfit" else None)


def _waist(piece: Piece) -> str:
    """How the piece meets the other half of an outfit."""
    region = piece.region or piece.entry.parts[0].region
    part = piece.entry.part(region)
    return part.waist if part else ""


def uv_islands(uv_faces: Int) -> Int:
    """(F,) the UV island of each face, numbered in the order in which the file first uses them."""
    edges = np.concatenate([uv_faces[:, [0, 1]], uv_faces[:, [1, 2]]])
    count = int(uv_faces.max()) + 1
    graph = coo_matrix((np.ones(len(edges)), (edges[:, 0], edges[:, 1])), shape=(count, count))
    component = connected_components(graph, directed=False)[1][uv_faces[:, 0]]
    _, first, inverse = np.unique(component, return_index=True, return_inverse=True)
    return np.argsort(np.argsort(first))[inverse].astype(np.int32)


@lru_cache(maxsize=16)
def _pixels(texture: Texture, longest: int = 512) -> NDArray[np.float32]:
    """(H, W, 4) sRGB in [0, 1], reduced."""
    colour = open_texture(texture).convert("RGBA")
    colour.thumbnail((longest, longest))
    return np.asarray(colour, dtype=np.float32) / 255.0


def _sample(texture: Texture, uv: Float) -> NDArray[np.float32]:
    """Nearest texels (N, 4) at uv (N, 2), origin lower left, repeating."""
    pixels = _pixels(texture)
    height, width = pixels.shape[:2]
    column = np.clip((uv[:, 0] % 1.0) * width, 0, width - 1).astype(int)
    row = np.clip((1.0 - uv[:, 1] % 1.0) * height, 0, height - 1).astype(int)
    return pixels[row, column]


def _lab_colour(lab: NDArray[np.floating], weights: NDArray[np.floating]) -> LabColour:
    mean = np.average(lab, axis=0, weights=weights)
    std = np.sqrt(np.average((lab - mean) ** 2, axis=0, weights=weights))
    return LabColour(tuple(mean.tolist()), tuple(std.tolist()))


def _check_files(entry: Entry) -> None:
    for path in (entry.path, *entry.variants.values()):
        if not path.is_file():
            raise AssetError(path, f"is missing, {entry.id} needs it")
    if entry.kind == "skin":
        load_mhmat(entry.path)


def _entries(root: Path) -> Iterator[Entry]:
    """Every line of catalogue.json, held-out ones marked."""
    table: dict[str, Any] = json.loads((HERE / "catalogue.json").read_text(encoding="utf-8"))
    held_out = split_names("garments", "hair", "skins")
    sources = {name: Source(**value) for name, value in table["sources"].items()}
    for entry_id, row in table["entries"].items():
        if row["kind"] not in get_args(Kind) or row["gender"] not in get_args(Gender):
            raise ValueError(f"catalogue.json: {entry_id} is of kind {row['kind']!r} for {row['gender']!r}")
        skin = row.get("skin")
        yield Entry(
            id=entry_id,
            kind=row["kind"],
            gender=row["gender"],
            path=root / row["path"],
            words=tuple(row.get("words", ())),
            covers=tuple(row.get("covers", ())),
            parts=tuple(_part(p) for p in row.get("parts", ())),
            layer=row.get("layer", LAYER.get(row["kind"], -1)),
            source=sources[row["source"]],
            variants={name: root / path for name, path in row.get("variants", {}).items()},
            skin=SkinTraits(skin["age"], skin["tone"], skin.get("suit", False)) if skin else None,
            held_out=entry_id in held_out,
            islands=row.get("islands"),
            drop=frozenset(row.get("drop", ())),
        )


def split_names(*groups: Literal["garments", "hair", "skins", "poses", "procedural"]) -> set[str]:
    """What training never sees, of these groups in split.json."""
    split: dict[str, list[str]] = json.loads((HERE / "split.json").read_text(encoding="utf-8"))
    return {name for group in groups for name in split[group]}


def _part(row: dict[str, Any]) -> Part:
    islands = row.get("islands")
    return Part(
        region=Region[row["region"].upper()],
        slot=row["slot"],
        words=tuple(row["words"]),
        pattern=row["pattern"],
        palette=row["palette"],
        islands=None if islands is None else frozenset(islands),
        keep=frozenset(row.get("keep", ())),
        alone=row.get("alone", True),
        waist=row.get("waist", ""),
    )


FOLDERS = (
    "clothes", "clothes_community", "eyebrows", "eyelashes", "eyes", "hair", "poses", "skins", "teeth", "tongue",
)  # fmt: skip
"""What the factory reads of the asset folder."""


def checksums(root: Path) -> Iterator[tuple[str, str]]:
    """(sha256, path below root) of every file that the factory can read, sorted."""
    for path in sorted(p for folder in FOLDERS for p in (root / folder).rglob("*") if p.is_file()):
        yield hashlib.sha256(path.read_bytes()).hexdigest(), path.relative_to(root).as_posix()


def main(arguments: list[str] | None = None) -> int:
    """Print what is in the asset folder."""
    parser = argparse.ArgumentParser(prog="python -m backend.data.catalogue", description=main.__doc__)
    parser.add_argument("--root", type=Path, default=None, help=f"asset folder (default: ${ENVIRONMENT_VARIABLE})")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--list", action="store_true", help="entries, and what was left out and why")
    what.add_argument("--checksums", action="store_true", help="sha256 of every file, as `sha256sum -c` reads it")
    options = parser.parse_args(arguments)
    try:
        catalogue = Catalogue.load(options.root, verify=options.list)
    except AssetError as error:
        print(error, file=sys.stderr)
        return 1
    if options.checksums:
        for digest, path in checksums(catalogue.root):
            print(f"{digest}  {path}")
        return 0
    for entry in catalogue.entries:
        mark = "held out" if entry.held_out else ""
        print(f"{entry.kind:12} {entry.gender:7} {entry.id:28} {', '.join(entry.words):55} {mark}".rstrip())
    for problem in catalogue.problems:
        print(f"left out: {problem}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
