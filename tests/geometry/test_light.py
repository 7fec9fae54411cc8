"""The light of a picture is found although the albedo is only guessed."""

import torch
from torch.nn import functional

from backend.geometry.light import Light, fit_light


def sphere(count: int = 4000) -> torch.Tensor:
    return functional.normalize(torch.randn(count, 3, generator=torch.Generator().manual_seed(0)), dim=1)


def key_light(normals: torch.Tensor) -> torch.Tensor:
    towards = functional.normalize(torch.tensor([0.6, 0.5, 1.0]), dim=0)
    return 0.6 + 0.1 * normals[:, 1:2] + 0.5 * (normals @ towards).clamp_min(0)[:, None]


def test_directional_light_is_found_up_to_its_strength() -> None:
    normals = sphere()
    albedo = torch.rand(4000, 3, generator=torch.Generator().manual_seed(1)) * 0.8
    light = fit_light(albedo * key_light(normals), albedo, normals, torch.ones(4000))
    wanted = key_light(normals) / key_light(normals).mean()
    assert (light.shade(normals) - wanted).abs().mean() < 0.04


def test_mistaken_albedo_and_unseen_places_do_not_matter() -> None:
    normals = sphere()
    albedo = torch.full((4000, 3), 0.4)
    lit = albedo * key_light(normals)
    guess = albedo.clone()
    guess[::7] = 0.9  # a print that the guess has too bright
    lit[1::5] = 0.0
    trust = torch.ones(4000)
    trust[1::5] = 0.0
    light = fit_light(lit, guess, normals, trust)
    wanted = key_light(normals) / key_light(normals).mean()
    assert (light.shade(normals) - wanted).abs().mean() < 0.06


def test_nothing_known_changes_nothing() -> None:
    normals = sphere(50)
    dark = fit_light(torch.zeros(50, 3), torch.zeros(50, 3), normals, torch.ones(50))
    unseen = fit_light(torch.rand(50, 3), torch.rand(50, 3), normals, torch.zeros(50))
    for light in (dark, unseen, Light.white()):
        assert torch.equal(light.shade(normals), torch.ones(50, 1))
