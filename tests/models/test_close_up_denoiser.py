import torch

from backend.models.close_up import CloseUpDenoiser, make_close_up_networks
from backend.models.denoiser import body_positions


@torch.no_grad()
def test_a_close_up_looks_at_everything_it_is_given() -> None:
    torch.manual_seed(0)
    denoiser = CloseUpDenoiser(*make_close_up_networks(8, 24, (16, 32, 32))).eval()
    given = [torch.randn(1, 8, 24, 24), torch.tensor([0.5]), torch.randn(1, 15, 24), torch.randn(1, 8, 96, 96)]
    given.append(torch.randn(1, 4, 48, 48))
    before = denoiser(*given)
    assert before.shape == (1, 8, 24, 24)
    for index, value in enumerate(given):
        changed = [*given[:index], value * 0.5, *given[index + 1 :]]
        assert not torch.allclose(denoiser(*changed), before, atol=1e-4)


def test_positions_are_of_the_body_alone() -> None:
    maps = torch.zeros(1, 8, 16, 16)
    maps[:, 4:7, :8, :7] = 0.25  # the fourth column of cells' pixels is half covered
    maps[:, 7, :8, :7] = 1
    found = body_positions(maps, 3)
    assert found.shape == (1, 18, 4, 4)
    assert torch.allclose(found[0, :3, 0, 0], torch.tensor(torch.pi / 4).sin())
    assert torch.allclose(found[..., 0, 1], found[..., 0, 0]), "a half-covered cell has the place of its covered half"
    assert not found[..., 2:, :].any() and not found[..., 2:].any()
