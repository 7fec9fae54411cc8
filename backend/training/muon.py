"""Muon for the matrices of a network, AdamW for the rest of it.

A step of Muon has all its singular values near one (Jordan et al. 2024, "Muon: an optimizer for hidden layers"), so
that rare directions are learnt as fast as common ones. torch.optim.Muon takes matrices only; here a convolution counts
as the matrix (outputs, inputs * height * width), and everything else goes to AdamW in the same optimiser.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS = 5


@torch.no_grad()
def orthogonalized(matrix: Tensor) -> Tensor:
    """The nearest semi-orthogonal matrix of (n, m), roughly, by five Newton-Schulz iterations."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (wide.norm() + 1e-7)
    a, b, c = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        gram = x @ x.T
        x = a * x + torch.addmm(gram, gram, gram, beta=b, alpha=c) @ x
    return x if wide is matrix else x.T


class Muon(torch.optim.Optimizer):
    """Orthogonalised momentum where a parameter is a matrix or a convolution, AdamW elsewhere.

    The rate is as for AdamW: updates are scaled to its usual size, 0.2 a weight (Liu et al. 2025, "Muon is scalable").
    """

    def __init__(
        self,
        parameters: Iterable[nn.Parameter],
        lr: float,
        momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.98),
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, dict(lr=lr, momentum=momentum, betas=betas, weight_decay=weight_decay))

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                parameter.mul_(1 - group["lr"] * group["weight_decay"])
                update = self._matrix if _is_matrix(parameter) else self._adam
                parameter.sub_(update(parameter.grad, state, group), alpha=group["lr"])

    @staticmethod
    def _matrix(grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        if not state:
            state["momentum"] = torch.zeros_like(grad)
        state["momentum"].lerp_(grad, 1 - group["momentum"])
        flat = grad.lerp(state["momentum"], group["momentum"]).flatten(1)
        return orthogonalized(flat).view_as(grad) * (0.2 * max(flat.shape) ** 0.5)

    @staticmethod
    def _adam(grad: Tensor, state: dict[str, Any], group: dict[str, Any]) -> Tensor:
        if not state:
            state.update(step=torch.zeros(()), mean=torch.zeros_like(grad), square=torch.zeros_like(grad))
        first, second = group["betas"]
        state["step"] += 1
        count = float(state["step"])
        state["mean"].lerp_(grad, 1 - first)
        state["square"].lerp_(grad.square(), 1 - second)
        mean = state["mean"] / (1 - first**count)
        return mean / ((state["square"] / (1 - second**count)).sqrt() + 1e-8)


def _is_matrix(parameter: Tensor) -> bool:
    return parameter.ndim in (2, 4) and min(parameter.flatten(1).shape) >= 16
