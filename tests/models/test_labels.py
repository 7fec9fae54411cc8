"""Labels of pixels: how they are decided, counted and halved."""

import torch

from backend.models.labels import Label, decided, most_frequent, one_hot


def test_a_speck_goes_and_an_edge_stays() -> None:
    labels = torch.full((1, 32, 32), int(Label.UPPER))
    labels[:, 20:] = Label.LOWER
    spotted = labels.clone()
    spotted[:, 8, 8] = Label.HAIR
    spotted[:, 26, 3:5] = Label.SKIN
    assert torch.equal(decided(4 * one_hot(spotted)), labels)


def test_a_ragged_edge_runs_straight() -> None:
    labels = torch.full((1, 32, 32), int(Label.UPPER))
    labels[:, 16:] = Label.SKIN
    labels[:, 16, ::2] = Label.UPPER
    edge = (decided(4 * one_hot(labels)) == Label.UPPER).sum(1)[0, 4:-4]
    assert edge.unique().numel() == 1


def test_a_sure_stripe_of_three_pixels_stays() -> None:
    labels = torch.full((1, 32, 32), int(Label.SKIN))
    labels[:, :, 14:17] = Label.UPPER  # a strap
    assert torch.equal(decided(8 * one_hot(labels)), labels)


def test_halving_keeps_what_is_commonest() -> None:
    labels = torch.full((1, 8, 8), int(Label.SKIN))
    labels[:, :3] = Label.HAIR
    assert most_frequent(labels, 4).tolist() == [[[Label.HAIR, Label.HAIR], [Label.SKIN, Label.SKIN]]]
