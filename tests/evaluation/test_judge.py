"""The judge's inputs and outputs; its committed weights are sound."""

import torch

from backend.evaluation.judge import CHOICES, HEIGHT, JUDGE_FOLDER, JUDGED, WIDTH, Judge, judge_inputs
from backend.geometry.close_up import PICTURE, WINDOW, CloseUp
from backend.models.slots import SLOT_INDEX


def test_inputs_are_premultiplied_and_cut_at_the_sides() -> None:
    pictures, heads = torch.zeros(2, 4, 512, 512), torch.zeros(2, 4, 192, 192)
    pictures[0, :, :, 256:] = 1
    whole, head = judge_inputs(pictures, heads)
    assert whole.shape == (8, HEIGHT, WIDTH) and head.shape == (8, WINDOW, WINDOW)
    assert bool((whole[:4, :, WIDTH // 2 :] == 1).all())
    assert bool((whole[:3, :, : WIDTH // 2] == 0).all()) and bool((whole[3, :, : WIDTH // 2] == -1).all())


def test_it_answers_from_the_slots_choices() -> None:
    torch.manual_seed(0)
    judge = Judge().eval()
    assert sum(p.numel() for p in judge.parameters()) <= 300_000
    answers = judge.read(torch.rand(2, 4, PICTURE, PICTURE), CloseUp(100, 20))
    assert tuple(answers) == tuple(CHOICES)
    assert set(JUDGED) == set(CHOICES) <= set(SLOT_INDEX)
    assert all(answer in CHOICES[name] for name, answer in answers.items())


def test_the_committed_weights_load_and_are_small() -> None:
    judge = Judge.from_pretrained(JUDGE_FOLDER).float().eval()
    assert all(bool(p.isfinite().all()) for p in judge.parameters())
    assert sum(path.stat().st_size for path in JUDGE_FOLDER.iterdir()) < 700_000
