"""Teach the prompt encoder to read attributes out of captions."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional
from tqdm import tqdm

from ..data.captions import write_caption
from ..geometry.color import srgb_to_lab
from ..models.prompt_encoder import PromptEncoder, Reading, TextStates
from ..models.slots import COLOURS, HAIR_COLOURS, SLOTS
from .loop import save_weights

EVALUATION_SEED = 1_000_003
COLOUR_WEIGHT = 8.0
LIKENESS_WEIGHT = 4.0


def random_attributes(rng: np.random.Generator) -> dict[str, str]:
    """Attributes drawn over the whole vocabulary, whether or not an asset shows them."""
    attributes = {}
    for slot in SLOTS:
        options = tuple(HAIR_COLOURS if slot.name == "hair_colour" else COLOURS) if slot.is_colour else slot.choices
        attributes[slot.name] = options[int(rng.integers(len(options)))]
    for slot_name, common, chance in (("pattern", "plain", 0.6), ("headwear", "none", 0.7), ("eyewear", "none", 0.7)):
        if rng.random() < chance:
            attributes[slot_name] = common
    if attributes["upper_kind"] == "dress" or attributes["lower_kind"] == "dress":
        attributes["upper_kind"] = attributes["lower_kind"] = "dress"
    if attributes["upper_kind"] in ("swimsuit", "bodysuit"):
        attributes["lower_kind"] = "none"
    if attributes["upper_kind"] == "suit jacket" and rng.random() < 0.7:
        attributes["lower_kind"] = "trousers"
        attributes["lower_colour"] = attributes["upper_colour"]
    if attributes["lower_kind"] == "dress":
        attributes["lower_colour"] = attributes["upper_colour"]
    return attributes


def targets_of(said: list[dict[str, str]]) -> dict[str, Tensor]:
    """Training targets by slot: class indices (N,), or (N, 4) Lab / 100 and whether it was said."""
    targets: dict[str, Tensor] = {}
    for slot in SLOTS:
        if slot.is_colour:
            table = HAIR_COLOURS if slot.name == "hair_colour" else COLOURS
            rgb = torch.tensor([table[s[slot.name]] if slot.name in s else (0, 0, 0) for s in said]) / 255
            spoken = torch.tensor([float(slot.name in s) for s in said])
            targets[slot.name] = torch.cat([srgb_to_lab(rgb) / 100, spoken.unsqueeze(1)], dim=1)
        else:
            targets[slot.name] = torch.tensor(
                [slot.choices.index(s[slot.name]) if slot.name in s else len(slot.choices) for s in said]
            )
    return targets


def make_captions(count: int, seed: int) -> tuple[list[str], list[dict[str, str]]]:
    rng = np.random.default_rng(seed)
    pairs = [write_caption(random_attributes(rng), rng) for _ in range(count)]
    return [text for text, _ in pairs] + [""], [said for _, said in pairs] + [{}]


def encode_texts(texts: list[str], device: str, batch: int = 64) -> tuple[Tensor, Tensor]:
    """States (N, L, 2, 384) float16 and masks (N, L); sorted inside by length so that little padding is computed."""
    encoder = TextStates(device)
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    chunks = []
    for start in tqdm(range(0, len(texts), batch), desc="reading captions"):
        chunks.append(encoder([texts[i] for i in order[start : start + batch]]))
    longest = max(mask.shape[1] for _, mask in chunks)
    states = torch.zeros(len(texts), longest, *chunks[0][0].shape[2:], dtype=torch.float16)
    masks = torch.zeros(len(texts), longest, dtype=torch.bool)
    position = 0
    for chunk, mask in chunks:
        rows = torch.tensor(order[position : position + len(chunk)])
        states[rows, : chunk.shape[1]] = chunk.half().cpu()
        masks[rows, : mask.shape[1]] = mask.cpu()
        position += len(chunk)
    return states, masks


def reading_loss(reading: Reading, targets: dict[str, Tensor]) -> Tensor:
    """Cross-entropy over choices, squared error of the said colours, and whether they were said."""
    loss = torch.zeros((), device=next(iter(reading.said.values())).device)
    for name, logits in reading.choices.items():
        loss = loss + functional.cross_entropy(logits, targets[name])
    for name, colour in reading.colours.items():
        target = targets[name]
        spoken = target[:, 3]
        loss = loss + functional.binary_cross_entropy_with_logits(reading.said[name], spoken)
        distance = ((colour - target[:, :3]).square().sum(1) + 1e-4).sqrt()
        loss = loss + COLOUR_WEIGHT * (distance * spoken).mean()
    return loss


@torch.no_grad()
def known_tokens(
    model: PromptEncoder, states: Tensor, masks: Tensor, targets: dict[str, Tensor], batch: int = 256
) -> tuple[Tensor, Tensor]:
    """A model's tokens (N, 15, width) float16, and which of them (N, 15) it read right.

    The denoisers know these tokens: a later model should say the same things by the same tokens.
    """
    tokens, right = [], []
    for rows in torch.arange(len(states)).split(batch):
        made = model(*_cut(states, masks, rows))
        hits = read_right(model.read(made), {name: target[rows] for name, target in targets.items()})
        tokens.append(made.half())
        right.append(torch.stack([hits[slot.name] for slot in SLOTS], dim=1))
    return torch.cat(tokens), torch.cat(right)


def read_right(reading: Reading, targets: dict[str, Tensor]) -> dict[str, Tensor]:
    """Which captions (N,) are read right, a slot; a colour must be known as said or not, and be within 12 Lab units."""
    result = {name: logits.argmax(1) == targets[name] for name, logits in reading.choices.items()}
    for name, colour in reading.colours.items():
        target = targets[name]
        spoken = target[:, 3] > 0.5
        near = ((colour - target[:, :3]) * 100).norm(dim=1) < 12
        result[name] = ((reading.said[name] > 0) == spoken) & (near | ~spoken)
    return result


@torch.no_grad()
def accuracy(model: PromptEncoder, states: Tensor, masks: Tensor, targets: dict[str, Tensor]) -> dict[str, float]:
    """Share of captions read right a slot."""
    right = read_right(model.read(model(states.float(), masks)), targets)
    return {name: float(hits.float().mean()) for name, hits in right.items()}


def _cut(states: Tensor, masks: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """States and masks of some captions, without the padding that none of them needs."""
    longest = int(masks[rows].sum(1).max())
    return states[rows, :longest].float(), masks[rows, :longest]


def train(
    out: Path, captions: int, minutes: float, seed: int, device: str = "cpu", batch: int = 128
) -> dict[str, float]:
    """Train and save to ``out`` (a diffusers model folder); returns the held-out accuracy a slot.

    A model that is already there is trained on, and keeps its tokens where it reads them right.
    """
    torch.manual_seed(seed)
    texts, said = make_captions(captions, seed)
    states, masks = encode_texts(texts, device)
    targets = targets_of(said)
    held_texts, held_said = make_captions(1000, EVALUATION_SEED)
    held_states, held_masks = encode_texts(held_texts, device)
    held_targets = targets_of(held_said)

    known = None
    if out.is_dir():
        model = PromptEncoder.from_pretrained(out).float()
        known, right = known_tokens(model.eval(), states, masks, targets)
        print(f"goes on from {out}, which reads {float(right.float().mean()):.4f} right", flush=True)
        model.train()
    else:
        model = PromptEncoder()
    end = time.monotonic() + minutes * 60
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)
    step, started = 0, time.monotonic()
    while time.monotonic() < end:
        rate = 1e-3 * min(1.0, (step + 1) / 100) * max(0.02, 1 - (time.monotonic() - started) / (minutes * 60))
        for group in optimizer.param_groups:
            group["lr"] = rate
        rows = torch.randint(len(texts), (batch,))
        tokens = model(*_cut(states, masks, rows))
        loss = reading_loss(
            model.read(tokens + 0.05 * torch.randn_like(tokens)), {k: v[rows] for k, v in targets.items()}
        )
        if known is not None:
            change = (tokens - known[rows].float()).square().mean(2)
            loss = loss + LIKENESS_WEIGHT * (change * right[rows]).mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % 200 == 0:
            model.eval()
            scores = accuracy(model, held_states, held_masks, held_targets)
            model.train()
            print(
                f"step {step} loss {loss.item():.3f} held-out mean {sum(scores.values()) / len(scores):.4f}", flush=True
            )
        step += 1
    model.eval()
    scores = accuracy(model, held_states, held_masks, held_targets)
    save_weights(model, out)
    return scores
