"""What the picture evaluation asks for: people of the test split, each with one prompt and its own body.

The people depend on the seed and the factory alone, so they are made once and kept in the dataset's format.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from rigging.body_model import BodyModel

from ..data.captions import write_caption
from ..data.catalogue import Catalogue
from ..data.dataset import Sample, person_path, read_sample, write_sample
from ..data.factory import Factory
from ..pipelines.body import PosedSubject

_CAPTION_TRIES = 64


@dataclass(frozen=True)
class Case:
    """One person to be painted."""

    index: int
    sample: Sample
    prompt: str
    named: dict[str, str]  # the attributes that the prompt puts into words, by slot
    subject: PosedSubject


def cases(folder: Path, count: int, seed: int, assets: Path | None, device: torch.device) -> Iterator[Case]:
    """The first ``count`` people of the test split; those that ``folder`` does not hold yet are made.

    The asset folder is read only when somebody is missing.
    """
    factory: Factory | None = None
    model = BodyModel.load()
    for index in range(count):
        path = person_path(folder, index)
        if not path.is_file():
            factory = factory or Factory(Catalogue.load(assets, verify=False), seed, held_out=True)
            write_sample(path, factory.make(index, surface=False))
        sample = read_sample(path)
        prompt, named = full_caption(sample.attributes, seed, index)
        yield Case(index, sample, prompt, named, PosedSubject.of(model, sample.body, device))


def full_caption(attributes: dict[str, str], seed: int, index: int) -> tuple[str, dict[str, str]]:
    """The caption that puts most attributes into words, of some that the grammar writes, and those attributes."""
    rng = np.random.default_rng([seed, index])
    drawn = [write_caption(attributes, rng) for _ in range(_CAPTION_TRIES)]
    best = max(range(len(drawn)), key=lambda i: len(in_words(drawn[i][1])))
    text, said = drawn[best]
    return text, in_words(said)


def in_words(said: dict[str, str]) -> dict[str, str]:
    """What was said, without what the grammar says by silence: a plain pattern, an average build, no hat."""
    silent = {("pattern", "plain"), ("build", "average"), ("headwear", "none"), ("eyewear", "none")}
    return {slot: value for slot, value in said.items() if (slot, value) not in silent}
