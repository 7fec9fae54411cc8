import torch
from torch.nn import functional

from backend.models.autoencoder import Autoencoder, premultiply, resize, unpremultiply


def smooth_pictures(count: int) -> torch.Tensor:
    noise = torch.rand(count, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    return functional.interpolate(noise, size=(64, 64), mode="bicubic").clamp(0, 1)


def test_shapes_follow_the_configuration() -> None:
    for downscale in (8, 16):
        model = Autoencoder(downscale=downscale, latent_channels=6, widths=(16, 16), depths=(1, 2))
        size = model.image_size
        latents = model.encode(torch.zeros(1, 4, size, size))
        assert latents.shape == (1, 6, 32, 32)
        assert model.decode(latents).shape == (1, 4, size, size)


@torch.no_grad()
def test_linear_start_is_the_best_linear_code() -> None:
    pictures = premultiply(smooth_pictures(32))
    model = Autoencoder(downscale=8, latent_channels=16, widths=(16, 16), depths=(1, 2))
    patches = functional.unfold(pictures, 8, stride=8).transpose(1, 2).reshape(-1, 4, 8, 8)
    model.initialise_linear(patches)
    error = (model.decode(model.encode(pictures)) - pictures).square().mean()
    flat = patches.flatten(1)
    centred = flat - flat.mean(0)
    _, _, basis = torch.linalg.svd(centred, full_matrices=False)
    best = (centred - centred @ basis[:16].T @ basis[:16]).square().mean()
    assert error < best * 1.2 + 1e-4


def test_alpha_conventions_invert() -> None:
    rgba = torch.rand(2, 4, 16, 16)
    rgba[:, 3] = (rgba[:, 3] > 0.5).float()
    back = unpremultiply(premultiply(rgba))
    solid = rgba[:, 3:] > 0
    assert torch.allclose(back[:, 3:], rgba[:, 3:])
    assert torch.allclose(back[:, :3] * solid, rgba[:, :3] * solid, atol=1e-6)
    assert (premultiply(torch.zeros(1, 4, 2, 2))[:, :3] == 0).all(), "the background is 0"


def test_resizing_does_not_mix_in_the_background() -> None:
    rgba = torch.zeros(1, 4, 32, 32)
    rgba[:, 0, :, :16], rgba[:, 3, :, :16] = 1.0, 1.0  # red person, black nothing
    small = resize(rgba, 20)
    solid = small[:, 3] > 0.3
    assert torch.allclose(small[:, 0][solid], torch.tensor(1.0), atol=1e-3)
