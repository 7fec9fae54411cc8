"""The decoder to 512 pixels: it begins as the autoencoder's own; body, prompt and outlines reach it."""

import pytest
import torch
from torch.nn import functional

from backend.models.autoencoder import Autoencoder
from backend.models.labels import Label
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
    decoder = PictureDecoder.of(autoencoder, token_width=8).eval()
    latents = torch.randn(2, 6, 16, 12)
    made, labels, logits = decoder(latents, torch.rand(2, 8, 64, 48), torch.randn(2, 15, 8))
    assert made.shape == (2, 4, 256, 192)
    assert labels.shape == (2, 128, 96) and logits.shape == (2, len(Label), 128, 96)
    wanted = functional.interpolate(autoencoder.decode(latents), scale_factor=2, mode="bilinear")
    # At the rim the two pad differently, and the bias of the linear part is a mean over a cell.
    inside = (made - wanted)[..., 48:-48, 48:-48]
    assert inside.abs().mean() < 0.1 * wanted.std()


@pytest.fixture
def learnt(autoencoder: Autoencoder) -> PictureDecoder:
    decoder = PictureDecoder.of(autoencoder, token_width=8).eval()
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return decoder


@torch.no_grad()
def test_body_and_prompt_matter_once_it_has_learnt(learnt: PictureDecoder) -> None:
    latents, maps, tokens = torch.randn(1, 6, 8, 8), torch.rand(1, 8, 32, 32), torch.randn(1, 15, 8)
    made = learnt(latents, maps, tokens)
    for other in (learnt(latents, maps.flip(-1), tokens), learnt(latents, maps, 3 * tokens.flip(1))):
        assert (made.picture - other.picture).abs().mean() > 1e-4
        assert (made.logits - other.logits).abs().mean() > 1e-4


@torch.no_grad()
def test_it_paints_within_its_own_outlines_unless_others_are_given(learnt: PictureDecoder) -> None:
    given = torch.randn(1, 6, 8, 8), torch.rand(1, 8, 32, 32), torch.randn(1, 15, 8)
    own = learnt(*given)
    assert own.labels.unique().numel() > 1
    assert torch.equal(learnt(*given, own.labels).picture, own.picture)
    others = own.labels.clone()
    others[:, :32] = Label.UPPER
    changed = (learnt(*given, others).picture - own.picture).abs().mean(1)[0]
    assert changed[:48].mean() > 2 * changed[-16:].mean()


def test_it_survives_the_disk(autoencoder: Autoencoder, tmp_path) -> None:  # type: ignore[no-untyped-def]
    decoder = PictureDecoder.of(autoencoder)
    decoder.save_pretrained(tmp_path)
    again = PictureDecoder.from_pretrained(tmp_path)
    for one, other in zip(decoder.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, other)
