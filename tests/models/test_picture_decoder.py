"""The decoder to 512 pixels: it begins as the autoencoder's own, and the body's maps reach it."""

import pytest
import torch
from torch.nn import functional

from backend.models.autoencoder import Autoencoder
from backend.models.picture_decoder import PictureDecoder


@pytest.fixture
def autoencoder() -> Autoencoder:
    torch.manual_seed(0)
    statistics = {"latent_mean": (0.1 * torch.randn(6)).tolist(), "latent_std": (torch.rand(6) + 0.5).tolist()}
    model = Autoencoder(8, 6, (16, 24), (1, 2), **statistics).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


@torch.no_grad()
def test_it_begins_as_the_autoencoders_decoder_enlarged(autoencoder: Autoencoder) -> None:
    decoder = PictureDecoder.of(autoencoder).eval()
    latents = torch.randn(2, 6, 16, 12)
    made = decoder(latents, torch.rand(2, 8, 64, 48))
    assert made.shape == (2, 4, 256, 192)
    wanted = functional.interpolate(autoencoder.decode(latents), scale_factor=2, mode="bilinear")
    # At the rim the two pad differently, and the bias of the linear part is a mean over a cell.
    inside = (made - wanted)[..., 48:-48, 48:-48]
    assert inside.abs().mean() < 0.1 * wanted.std()


@torch.no_grad()
def test_maps_matter_once_it_has_learnt(autoencoder: Autoencoder) -> None:
    decoder = PictureDecoder.of(autoencoder).eval()
    for parameter in decoder.parameters():
        parameter.add_(0.05 * torch.randn_like(parameter))
    latents, maps = torch.randn(1, 6, 8, 8), torch.rand(1, 8, 32, 32)
    assert (decoder(latents, maps) - decoder(latents, maps.flip(-1))).abs().mean() > 1e-3


def test_it_survives_the_disk(autoencoder: Autoencoder, tmp_path) -> None:  # type: ignore[no-untyped-def]
    decoder = PictureDecoder.of(autoencoder)
    decoder.save_pretrained(tmp_path)
    again = PictureDecoder.from_pretrained(tmp_path)
    for one, other in zip(decoder.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
