"""What the denoisers train on: every picture's latents, the body maps and the captions' tokens, computed once."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from rigging.body_model import BodyModel

from ..data.dataset import people, read_sample
from ..geometry.body_maps import body_maps
from ..geometry.close_up import PICTURE, CloseUp
from ..models.autoencoder import Autoencoder, premultiply, resize
from ..models.close_up import CLOSE_UP_MAPS
from ..models.denoiser import BODY_MAP_SIZE
from ..models.prompt_encoder import PromptEncoder, TextStates, in_plain_cloth
from ..pipelines.window import Window

HEAD_HEIGHT = 0.74
"""Template coordinate of the chin."""
HEAD_EMPHASIS = 3.0
"""How much more a cell of the head counts: it has a twelfth of the person's cells, and is looked at first."""
UNCOMMON = ("upper_kind", "lower_kind")
"""Attributes whose rare values are drawn more often than they were made."""
PATTERNED_SHARE = 0.4
"""How often who wears a pattern is drawn: the denoisers are only ever asked for plain cloth (pipelines/fabric.py)."""
MOST_SHARE = 4.0
_CACHE_FORMAT = "4"


@dataclass(frozen=True)
class LatentSet:
    """N people."""

    latents: Tensor  # [N, 2, C, 32, 32] float16: front, back
    maps: Tensor  # [N, 2, 8, 128, 128] float16
    tokens: Tensor  # [N, captions, 15, D] float16
    empty: Tensor  # [15, D] tokens of the empty prompt
    weight: Tensor  # [N, 2, 1, 32, 32] float16, how much a cell counts in the loss
    columns: Tensor  # [N] how many of the 32 columns, about the middle, hold the person
    share: Tensor  # [N] how often a person is drawn, mean 1
    captions: list[list[str]]


@torch.no_grad()
def make_latents(folders: list[Path], models: Path, limit: int | None = None, cache: Path | None = None) -> LatentSet:
    """Encode the people of datasets with the autoencoder and prompt encoder of a model folder.

    ``cache`` keeps the result for the next run on the same people and weights.
    """
    paths = [path for folder in folders for path in people(folder)][:limit]
    key = _fingerprint(paths, models)
    if cache is not None and cache.is_file():
        kept = torch.load(cache, weights_only=True)
        if kept.pop("key") == key:
            return LatentSet(**kept)
    autoencoder = Autoencoder.from_pretrained(models / "vae").float().eval()
    prompt_encoder = PromptEncoder.from_pretrained(models / "prompt_encoder").float().eval()
    texts = TextStates()
    body_model = BodyModel.load()
    faces = torch.from_numpy(body_model.faces.astype("int64"))
    template = torch.from_numpy(body_model.v_template).float()
    latents, maps, tokens, weights, columns, captions, attributes = [], [], [], [], [], [], []
    for path in tqdm(paths, desc="latents"):
        sample = read_sample(path)
        pictures = resize(torch.stack([sample.front, sample.back]).float() / 255, autoencoder.image_size)
        latents.append(autoencoder.encode(premultiply(pictures)).half())
        posed = torch.from_numpy(sample.frame.to_view(body_model.pose(sample.body).vertices)).float()
        maps.append(body_maps(posed, faces, template, BODY_MAP_SIZE).half())
        cells = functional.max_pool2d(pictures[:, 3:], autoencoder.config["downscale"])
        weights.append((importance(cells) * (1 + HEAD_EMPHASIS * head_cells(maps[-1]))).half())
        columns.append(Window.of_mask(cells[:, 0] > 0.05).columns)
        states, mask = texts(sample.captions)
        said = prompt_encoder(states, mask)
        if sample.attributes.get("pattern", "plain") == "plain":
            told = len(said) - len(said) // 3  # the others leave open whether there is a pattern
            said = torch.cat([in_plain_cloth(said[:told]), said[told:]])
        tokens.append(said.half())
        captions.append(sample.captions)
        attributes.append(sample.attributes)
    states, mask = texts([""])
    made = LatentSet(
        torch.stack(latents),
        torch.stack(maps),
        torch.stack(tokens),
        prompt_encoder(states, mask)[0],
        torch.stack(weights),
        torch.tensor(columns),
        shares(attributes),
        captions,
    )
    if cache is not None:
        _keep(cache, key, made)
    return made


@dataclass(frozen=True)
class CloseUpSet:
    """Close-ups of the heads of the same N people."""

    latents: Tensor  # [N, 2, C, 24, 24] float16: front, back
    maps: Tensor  # [N, 2, 8, 96, 96] float16
    coarse: Tensor  # [N, 2, 4, 48, 48] float16, the window of the whole picture, premultiplied
    weight: Tensor  # [N, 2, 1, 24, 24] float16
    corners: Tensor  # [N, 2] left and top of the window


@torch.no_grad()
def make_close_ups(
    folders: list[Path], models: Path, limit: int | None = None, cache: Path | None = None
) -> CloseUpSet:
    """Encode the close-ups of datasets with the close-up autoencoder of a model folder; ``cache`` as above."""
    paths = [path for folder in folders for path in people(folder)][:limit]
    key = _fingerprint(paths, models, ("close_up_vae",))
    if cache is not None and cache.is_file():
        kept = torch.load(cache, weights_only=True)
        if kept.pop("key") == key:
            return CloseUpSet(**kept)
    autoencoder = Autoencoder.from_pretrained(models / "close_up_vae").float().eval()
    body_model = BodyModel.load()
    faces = torch.from_numpy(body_model.faces.astype("int64"))
    template = torch.from_numpy(body_model.v_template).float()
    latents, maps, coarse, weights, corners = [], [], [], [], []
    for path in tqdm(paths, desc="close-ups"):
        sample = read_sample(path)
        head = sample.head.float() / 255
        latents.append(autoencoder.encode(premultiply(head)).half())
        vertices = body_model.pose(sample.body).vertices
        close = CloseUp.of_head(sample.frame, vertices, body_model.weights)
        posed = torch.from_numpy(close.frame(sample.frame).to_view(vertices)).float()
        maps.append(body_maps(posed, faces, template, CLOSE_UP_MAPS).half())
        whole = resize(torch.stack([sample.front, sample.back]).float() / 255, PICTURE)
        coarse.append(premultiply(close.crop(whole)).half())
        corners.append([close.left, close.top])
        weights.append(importance(functional.max_pool2d(head[:, 3:], autoencoder.config["downscale"])).half())
    made = CloseUpSet(
        torch.stack(latents), torch.stack(maps), torch.stack(coarse), torch.stack(weights), torch.tensor(corners)
    )
    if cache is not None:
        _keep(cache, key, made)
    return made


def importance(cells: Tensor) -> Tensor:
    """Loss weights (2, 1, h, w) of cells with so much alpha: the person and its neighbours 1, the rest little."""
    return 0.15 + 0.85 * (functional.max_pool2d(cells, 3, 1, 1) > 0.05).float()


def shares(attributes: list[dict[str, str]]) -> Tensor:
    """How often to draw each of N people, (N,), mean 1, at most about MOST_SHARE.

    By the root of how rare their clothes are, so that a pullover that one in forty wears is learnt, too.
    """
    share = torch.zeros(len(attributes))
    for name in UNCOMMON:
        values = [person.get(name) for person in attributes]
        count = Counter(values)
        share += torch.tensor([len(values) / count[value] for value in values])
    share = share.sqrt()
    share = share.clamp_max(MOST_SHARE * float(share.mean()))
    plain = torch.tensor([person.get("pattern", "plain") == "plain" for person in attributes])
    share = torch.where(plain, share, PATTERNED_SHARE * share)
    return share / share.mean()


def head_cells(maps: Tensor) -> Tensor:
    """1 in the cells (B, 1, h, w) of the head and its hair, by body maps (B, 8, 4 h, 4 w)."""
    high = functional.max_pool2d((maps[:, 5:6] > HEAD_HEIGHT).float(), 4)
    return functional.max_pool2d(high, 3, 1, 1)


def _keep(cache: Path, key: str, made: LatentSet | CloseUpSet) -> None:
    cache.parent.mkdir(parents=True, exist_ok=True)
    torch.save({"key": key, **vars(made)}, cache.with_suffix(".partial"))
    os.replace(cache.with_suffix(".partial"), cache)


def _fingerprint(paths: list[Path], models: Path, parts: tuple[str, ...] = ("vae", "prompt_encoder")) -> str:
    """Changes when the people or the encoders do."""
    digest = hashlib.sha256(json.dumps([_CACHE_FORMAT, *(str(path) for path in paths)]).encode())
    for part in parts:
        digest.update((models / part / "diffusion_pytorch_model.safetensors").read_bytes())
    return digest.hexdigest()
