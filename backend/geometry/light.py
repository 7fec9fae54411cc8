"""White distant light on a surface: what it adds to the colours of a picture, and how to find it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_LUMINANCE = (0.2126, 0.7152, 0.0722)
_DARKEST, _BRIGHTEST = 0.4, 1.6
_ROUNDS = 6
_RIDGE = 0.002


@dataclass(frozen=True)
class Light:
    """Irradiance by the nine spherical harmonics up to order two, which hold 98% of what distant light can do to a
    matt surface (Ramamoorthi & Hanrahan 2001); 1 leaves a colour as it is."""

    coefficients: Tensor  # [9]

    @classmethod
    def white(cls) -> Light:
        """The light that changes nothing."""
        return cls(torch.tensor([1.0, *[0.0] * 8]))

    def shade(self, normals: Tensor) -> Tensor:
        """Factors (N, 1) on unit normals (N, 3)."""
        return (_harmonics(normals) @ self.coefficients).clamp(_DARKEST, _BRIGHTEST)[:, None]


def fit_light(lit: Tensor, albedo: Tensor, normals: Tensor, trust: Tensor) -> Light:
    """The light under which a surface of ``albedo`` looks most like ``lit``.

    Least squares of the luminances, made robust against places where the albedo is mistaken (iterative reweighting by
    Cauchy's function), and held near white where the normals leave a direction of light unknown. How bright light and
    albedo are on the whole cannot be told apart; the light's mean over the surface is taken to be 1.

    Args:
        lit: (N, 3) linear colours; albedo: (N, 3) linear, guessed; normals: (N, 3) unit.
        trust: (N,) in [0, 1].
    """
    weights = lit.new_tensor(_LUMINANCE)
    target, base = lit @ weights, albedo @ weights
    design = _harmonics(normals) * base[:, None]
    total = float((trust * base.square()).sum())
    if total < 1e-6:
        return Light.white()
    prior = torch.diag(lit.new_tensor([0.1, *[1.0] * 8]) * _RIDGE * total).double()
    wanted = Light.white().coefficients.double()
    importance, coefficients = trust, wanted
    for _ in range(_ROUNDS):
        weighted = (design * importance[:, None]).double()
        system = weighted.T @ design.double() + prior
        coefficients = torch.linalg.solve(system, weighted.T @ target.double() + prior @ wanted)
        off = (target - design @ coefficients.float()).abs()
        scale = (off * trust).sum() / trust.sum().clamp_min(1e-6) + 1e-4
        importance = trust / (1 + (off / scale).square())
    mean = (trust.double() @ (_harmonics(normals).double() @ coefficients)) / trust.double().sum()
    return Light((coefficients / mean.clamp_min(_DARKEST)).float())


def _harmonics(normals: Tensor) -> Tensor:
    """The real harmonics (N, 9) of unit normals (N, 3), without their constant factors."""
    x, y, z = normals.unbind(1)
    return torch.stack([torch.ones_like(x), x, y, z, x * y, y * z, x * z, x * x - y * y, 3 * z * z - 1], dim=1)
