"""The tables of the picture evaluation, as Markdown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from .colours import COLOUR_SLOTS
from .distribution import frechet_distance, kernel_distance
from .generation import HYPOTHESES, Generated
from .judge import JUDGED
from .pictures import HEADLINE

_FURTHER = tuple(slot for slot in (*JUDGED, *COLOUR_SLOTS) if slot not in HEADLINE)


@dataclass
class Method:
    """What was measured of one way to make pictures, person by person."""

    right: list[dict[str, bool]] = field(default_factory=list)
    shape: list[dict[str, float | None]] = field(default_factory=list)
    features: list[Tensor] = field(default_factory=list)  # [2, 1280] a person


def accuracy(methods: Iterable[Method], slot: str) -> list[tuple[float, int] | None]:
    """(share of right ones, number) of each method; None where no prompt names the slot."""
    found: list[tuple[float, int] | None] = []
    for method in methods:
        values = [right[slot] for right in method.right if slot in right]
        found.append((sum(values) / len(values), len(values)) if values else None)
    return found


def attribute_table(methods: dict[str, Method]) -> str:
    """Accuracy by attribute: the headline ones, their mean, the further ones."""
    lines = ["| attribute, prompts that name it | " + " | ".join(methods) + " |", "|---|" + "---:|" * len(methods)]
    means: list[list[float]] = [[] for _ in methods]
    for slot in HEADLINE:
        found = accuracy(methods.values(), slot)
        for values, cell in zip(means, found, strict=True):
            values += [cell[0]] if cell else []
        lines.append(_accuracy_line(slot, found))
    lines.append("| **mean of these** | " + " | ".join(f"**{_mean(values):.0%}**" for values in means) + " |")
    lines += [_accuracy_line(slot, accuracy(methods.values(), slot)) for slot in _FURTHER]
    return "\n".join(lines)


def _accuracy_line(slot: str, found: list[tuple[float, int] | None]) -> str:
    count = max((cell[1] for cell in found if cell), default=0)
    cells = (f"{cell[0]:.0%}" if cell else "" for cell in found)
    return f"| {slot.replace('_', ' ')}, {count} | " + " | ".join(cells) + " |"


def picture_table(methods: dict[str, Method], truth: str) -> str:
    """Shape, seam and distance of the distributions; ``truth`` is the method that the features are compared with."""
    lines = [
        "| pictures | silhouette IoU with the truth | body inside the person | front to back along the outline, "
        "Lab | Frechet distance | kernel distance x 1000 |",
        "|---|" + "---:|" * 5,
    ]
    reference = torch.cat(methods[truth].features)
    for name, method in methods.items():
        cells = [_figure([s[key] for s in method.shape], digits) for key, digits in _SHAPE]
        distances = ["", ""]
        if method.features and name != truth:
            features = torch.cat(method.features)
            frechet, kernel = frechet_distance(features, reference), 1000 * kernel_distance(features, reference)
            distances = [f"{frechet:.1f}", f"{kernel:.1f}"]
        if any([*cells, *distances]):
            lines.append(f"| {name} | " + " | ".join([*cells, *distances]) + " |")
    return "\n".join(lines)


_SHAPE = (("iou", 3), ("body_inside", 3), ("outline_step", 1))


def _figure(values: list[float | None], digits: int) -> str:
    known = [value for value in values if value is not None]
    return f"{_mean(known):.{digits}f}" if known else ""


def back_table(made: list[Generated], hypotheses: list[dict[str, float]]) -> str:
    """What belongs to the back alone."""
    lines = ["| back | |", "|---|---:|"]
    agreed = _mean([one.raw_iou for one in made])
    lines.append(f"| silhouette IoU with the front before they are made to agree, {len(made)} people | {agreed:.3f} |")
    if hypotheses:
        who = f"{HYPOTHESES} backs of each of {len(hypotheses)} true fronts"
        for key, words in (
            ("best", f"{who}: the best one's Lab distance to the true back"),
            ("mean", "their mean distance to it"),
            ("of_the_front", "the true front's distance to it"),
            ("diversity", "mean distance between two of them"),
        ):
            lines.append(f"| {words} | {_mean([figures[key] for figures in hypotheses]):.2f} |")
    return "\n".join(lines)


def cost_table(made: list[Generated], device: str) -> str:
    """Median seconds by stage, on the clock and of the processor, and peak memory."""
    kind = "allocated on the GPU" if device == "cuda" else "resident, whole process"
    lines = ["| stage | seconds | processor seconds |", "|---|---:|---:|"]
    totals = [0.0, 0.0]
    for stage in made[0].seconds:
        times = torch.tensor([[one.seconds[stage], one.processor_seconds[stage]] for one in made])
        medians = times.median(0).values.tolist()
        totals = [total + median for total, median in zip(totals, medians, strict=True)]
        lines.append(f"| {stage} | {medians[0]:.2f} | {medians[1]:.2f} |")
    lines.append(f"| **one person, both sides** | **{totals[0]:.2f}** | **{totals[1]:.2f}** |")
    lines.append(f"| peak memory ({kind}), MiB | {max(one.memory_mib for one in made):.0f} | |")
    return "\n".join(lines)


def _mean(values: list[float]) -> float:
    return sum(values) / len(values) if values else float("nan")
