"""One colour a garment: stains go, shade stays, backs follow their fronts, all else is left alone."""

import torch

from backend.cloth.dye import dyes_of, evenly_dyed
from backend.geometry.color import lab_to_srgb, srgb_to_lab
from backend.models.labels import Label

SHIRT, JEANS = torch.tensor([45.0, 40.0, 20.0]), torch.tensor([30.0, 5.0, -30.0])
LABELS = torch.full((64, 64), int(Label.SKIN))
LABELS[8:30, 8:56] = Label.UPPER
LABELS[30:60, 8:56] = Label.LOWER


def view(shirt: torch.Tensor = SHIRT) -> torch.Tensor:
    """A shirt above jeans, lighter on the left, on skin."""
    lab = torch.tensor([70.0, 12.0, 18.0]).expand(128, 128, 3).clone()
    lab[16:60, 16:112], lab[60:120, 16:112] = shirt, JEANS
    lab[..., 0] += torch.linspace(4, -4, 128)
    return torch.cat([lab_to_srgb(lab).permute(2, 0, 1), torch.ones(1, 128, 128)])


def lab_of(picture: torch.Tensor) -> torch.Tensor:
    return srgb_to_lab(picture[:3].permute(1, 2, 0))


def test_a_stain_fades_and_shade_stays() -> None:
    stained = view()
    stained[:3, 30:40, 40:60] = lab_to_srgb(torch.tensor([20.0, 0.0, 40.0])).view(3, 1, 1)
    before, after = lab_of(stained), lab_of(evenly_dyed(stained, LABELS))
    off = [(lab[32:38, 44:56, 1:] - SHIRT[1:]).norm(dim=-1).mean() for lab in (before, after)]
    assert off[1] < 0.5 * off[0]
    slope = [lab[50, 20:108, 0].diff().mean() for lab in (before, after)]
    assert 0.8 < slope[1] / slope[0] < 1.1


def test_skin_and_alpha_are_left_alone() -> None:
    picture = view()
    dyed = evenly_dyed(picture, LABELS)
    assert torch.equal(dyed[3], picture[3])
    assert torch.allclose(dyed[:, :14], picture[:, :14]) and torch.allclose(dyed[:, :, :12], picture[:, :, :12])


def test_a_back_has_its_fronts_colours() -> None:
    wrong = view(torch.tensor([60.0, -10.0, 40.0]))
    dyed = lab_of(evenly_dyed(wrong, LABELS, dyes_of(view(), LABELS)))
    shirt, jeans = dyed[20:56, 20:108].mean((0, 1)), dyed[64:116, 20:108].mean((0, 1))
    assert (shirt[1:] - SHIRT[1:]).norm() < 2 and abs(shirt[0] - SHIRT[0]) < 10
    assert (jeans - JEANS).norm() < 3


def test_nobody_is_no_error() -> None:
    empty = torch.zeros(4, 128, 128)
    assert torch.equal(evenly_dyed(empty, LABELS), empty)
