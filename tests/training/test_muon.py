import torch
from torch import nn

from backend.training.muon import Muon, orthogonalized


def test_orthogonalized_matrices_have_singular_values_near_one() -> None:
    torch.manual_seed(0)
    for shape in ((24, 60), (60, 24), (32, 32)):
        before = torch.randn(shape)
        u, _, v = torch.linalg.svd(before, full_matrices=False)
        after = orthogonalized(before)
        values = torch.linalg.svdvals(after)
        assert after.shape == before.shape and 0.5 < values.median() < 1.3
        assert (u.T @ after @ v.T).diagonal().min() > 0, "directions are kept"


def test_learns_a_convolution_and_its_bias_and_resumes() -> None:
    torch.manual_seed(0)
    x = torch.randn(8, 16, 10, 10)
    truth = nn.Conv2d(16, 16, 3, padding=1)
    with torch.no_grad():
        y = truth(x)
    model = nn.Conv2d(16, 16, 3, padding=1)
    optimizer = Muon(model.parameters(), lr=0.05)

    def descend(steps: int) -> float:
        for step in range(steps):
            for group in optimizer.param_groups:
                group["lr"] = 0.05 * (1 - step / steps) + 1e-4
            loss = (model(x) - y).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return float((model(x) - y).square().mean().detach())

    start = float((model(x) - y).square().mean().detach())
    half = descend(60)
    assert half < 0.05 * start
    kept = optimizer.state_dict()
    optimizer = Muon(model.parameters(), lr=0.05)
    optimizer.load_state_dict(kept)
    assert descend(60) < 0.05 * start
