import pytest
import torch

from backend.pipelines.back_view import share_silhouette
from backend.pipelines.view_check import check_view
from backend.protocol.errors import DoppelError


def person() -> torch.Tensor:
    rgba = torch.zeros(4, 64, 64)
    rgba[:, 10:54, 24:40] = torch.tensor([0.8, 0.2, 0.1, 1.0]).view(4, 1, 1)
    return rgba


def test_a_person_passes() -> None:
    check_view(person(), "front", person()[3])
    check_view(torch.nn.functional.interpolate(person()[None], scale_factor=4)[0], "front", person()[3])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda p: p * 0, "lift_empty_view"),
        (lambda p: torch.ones_like(p), "lift_no_cutout"),
        (lambda p: p.roll(-10, 1), "lift_cut_view"),
        (lambda p: p.roll(20, 2), "lift_no_person"),
        (lambda p: torch.nn.functional.pad(torch.ones_like(p[:, 4:60, 4:60]), (4, 4, 4, 4)), "lift_no_person"),
        (lambda p: p[:3], "lift_bad_view"),
        (lambda p: p[:, :, 1:], "lift_bad_view"),
        (lambda p: p[:, :0, :0], "lift_bad_view"),
        (lambda p: p * float("nan"), "lift_bad_view"),
        (lambda p: torch.nn.functional.pad(p[:, 32:33, 32:33], (31, 32, 31, 32)), "lift_empty_view"),
    ],
)
def test_what_is_no_person_is_refused(change, code: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(DoppelError) as caught:
        check_view(change(person()), "front", person()[3])
    assert caught.value.code == code and caught.value.hint


def test_back_takes_the_fronts_silhouette_and_invents_no_background() -> None:
    front, back = person()[None], person()[None].clone()
    back[:, :, :, 36:] = 0  # the back is narrower
    shared = share_silhouette(back, front)
    assert torch.equal(shared[:, 3], front[:, 3])
    solid = front[0, 3] > 0
    assert torch.allclose(shared[0, 0][solid], torch.tensor(0.8), atol=1e-3)
