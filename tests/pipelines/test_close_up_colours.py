"""Close-ups keep the whole picture's colours and their own detail."""

import torch

from backend.pipelines.close_up import COLOUR_SHARE, with_colours_of


def test_a_cast_goes_and_detail_stays() -> None:
    coarse = torch.full((1, 4, 192, 192), 0.5)
    coarse[:, 3] = 0
    coarse[:, 3, 40:160, 40:160] = 1
    detail = coarse.clone()
    detail[:, 0] += 0.2
    detail[:, 1, 96:100, 96:100] += 0.3
    made = with_colours_of(detail, coarse)
    cast = (made - coarse)[0, 0, 60:90, 60:90].mean()
    assert torch.isclose(cast, torch.tensor(0.2 * (1 - COLOUR_SHARE)), atol=0.01)
    eye = made[0, 1, 96:100, 96:100].mean() - made[0, 1, 60:90, 60:90].mean()
    assert eye > 0.25, "what is smaller than the reach stays"
    assert torch.equal(made[:, 3], detail[:, 3])
    # The border of the person takes nothing from the empty background.
    assert (made[0, 0, 45:155, 45:155] - coarse[0, 0, 45:155, 45:155]).max() < 0.06
