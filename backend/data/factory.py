"""The synthetic-human factory: an index and a seed make a person, always the same one."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import numpy as np
import torch

from ..geometry.close_up import CLOSE_UP_SIZE, CloseUp
from ..geometry.view_frame import ViewFrame
from ..models.autoencoder import resize
from ..models.labels import most_frequent
from .captions import write_caption
from .catalogue import Catalogue, Gender
from .dataset import SURFACE, Sample
from .mhclo import AssetError
from .person import EVERYDAY, PATTERNED, Person, draw_person, turned
from .poses import PoseBank, pose_bank
from .render import Light, Renderer
from .scene import Wardrobe
from .surface import sample_surface

IMAGE_SIZE = 512
SUPERSAMPLED = 2
"""Pixels rendered along each of the pictures': outlines and textures come out as a camera's would."""
HEAD_RENDER = 2 * CLOSE_UP_SIZE
CAPTIONS = 6
MOST_TRIES = 2000
"""People drawn until one wears what is asked for."""


class Factory:
    """Makes people from a catalogue of assets.

    Args:
        catalogue: the assets.
        seed: of the whole dataset.
        held_out: draw only identities and clothes of the test split.
        size: pixels of the front and back pictures.
        turned: share of people who are turned away from the camera, by any angle.
        patterned: share of people whose plain clothes get a pattern.
        wearing: draw only people whose upper garment is of these kinds; all, when empty.
        everyday: share of people in an everyday pose, the others standing in the family of the A-pose.

    Raises AssetError where the catalogue holds too little to dress anybody. Without poses everyone stands in the
    family of the A-pose.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        seed: int,
        held_out: bool = False,
        size: int = IMAGE_SIZE,
        turned: float = 0.0,
        patterned: float = PATTERNED,
        wearing: Collection[str] = (),
        everyday: float = EVERYDAY,
    ) -> None:
        self.catalogue, self.seed, self.held_out, self.size = catalogue, seed, held_out, size
        self.turned, self.patterned, self.wearing, self.everyday = turned, patterned, wearing, everyday
        _require(catalogue, held_out)
        self.wardrobe = Wardrobe(catalogue)
        self.poses: PoseBank | None = None
        self.dropped_poses: list[tuple[str, str]] = []  # name, reason
        if (catalogue.root / "poses").is_dir():
            bank, self.dropped_poses = pose_bank(catalogue.root)
            self.poses = bank.of_split(held_out)

    def make(self, index: int, surface: bool = True) -> Sample:
        """The person of an index; ``surface`` adds the ground truth that the lifter needs."""
        rng = np.random.default_rng([self.seed, int(self.held_out), index])
        generator = torch.Generator().manual_seed(int(rng.integers(2**62)))
        person = self.draw(rng)
        captions = [write_caption(person.attributes, rng)[0] for _ in range(CAPTIONS)]
        if rng.random() < self.turned:
            person = dataclasses.replace(person, body=turned(person.body, float(rng.uniform(-np.pi, np.pi))))
        scene = self.wardrobe.dress(person)
        frame = ViewFrame.of_body(scene.body_vertices)
        light = Light.draw(generator)
        renderer = Renderer(scene, frame, light)
        views = renderer.views(SUPERSAMPLED * self.size)
        front, back = resize(torch.stack([view.rgba for view in views]), self.size)
        labels = most_frequent(torch.stack([view.label for view in views]), 2 * SUPERSAMPLED)
        close = CloseUp.of_head(frame, scene.body_vertices, self.wardrobe.body_model.weights)
        head = torch.stack([v.rgba for v in Renderer(scene, close.frame(frame), light, close=True).views(HEAD_RENDER)])
        truth = sample_surface(renderer, generator) if surface else None
        return Sample(
            front=(front * 255).round().to(torch.uint8),
            back=(back * 255).round().to(torch.uint8),
            labels=labels,
            head=(resize(head, CLOSE_UP_SIZE) * 255).round().to(torch.uint8),
            body=person.body,
            frame=frame,
            captions=captions,
            attributes=person.attributes,
            colours={name: list(rgb) for name, rgb in person.colours.items()},
            **{name: getattr(truth, name) if truth else None for name in SURFACE},
        )

    def draw(self, rng: np.random.Generator) -> Person:
        """Someone who wears what is asked for. Raises AssetError if nobody is found."""
        for _ in range(MOST_TRIES):
            person = draw_person(self.catalogue, rng, self.held_out, self.poses, self.patterned, self.everyday)
            if not self.wearing or person.attributes.get("upper_kind") in self.wearing:
                return person
        raise AssetError(self.catalogue.root, f"hardly anybody would wear one of: {', '.join(self.wearing)}")


def _require(catalogue: Catalogue, held_out: bool) -> None:
    """Everyone needs a skin, eyes and clothes; all else may be missing. Raises AssetError."""
    split = "the test split" if held_out else "training"
    genders: tuple[Gender, Gender] = ("female", "male")
    for gender in genders:
        skins = catalogue.select("skin", gender=gender, held_out=held_out)
        if not any(entry.skin and not entry.skin.suit for entry in skins):
            raise AssetError(catalogue.root, f"holds no {gender} skin for {split}")
        if not catalogue.outfits(gender, held_out):
            raise AssetError(catalogue.root, f"holds no {gender} clothes from shoulder to thigh for {split}")
    if not catalogue.select("eyes"):
        raise AssetError(catalogue.root, "holds no eyes")
