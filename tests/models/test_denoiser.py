"""The adapter's promise: off means off, to the bit; and a fresh one changes nothing."""

import torch

from backend.models.denoiser import BackAdapter, BodyEncoder, ViewDenoiser, make_unet


def tiny() -> ViewDenoiser:
    torch.manual_seed(0)
    return ViewDenoiser(make_unet(4, (16, 32, 32), 24), BodyEncoder(token_width=24, latent_channels=4)).eval()


@torch.no_grad()
def test_adapter_on_and_off() -> None:
    base = tiny()
    x, tokens, time = torch.randn(2, 4, 32, 20), torch.randn(2, 15, 24), torch.tensor([0.2, 0.9])
    maps = torch.randn(2, 8, 128, 80)
    before = base(x, time, tokens, maps)
    adapter = BackAdapter.of(base.unet, rank=4)
    with adapter.attached(base.unet, torch.randn_like(x)):
        assert torch.equal(base(x, time, tokens, maps), before), "a fresh adapter is the identity"
    for parameter in adapter.parameters():
        parameter.normal_()
    front = torch.randn_like(x)
    with adapter.attached(base.unet, front):
        changed = base(x, time, tokens, maps)
    assert not torch.allclose(changed, before, atol=1e-2)
    with adapter.attached(base.unet, front + 1):
        assert not torch.allclose(base(x, time, tokens, maps), changed, atol=1e-3), "the front is looked at"
    assert torch.equal(base(x, time, tokens, maps), before), "the base forgets nothing"


@torch.no_grad()
def test_adapter_is_taken_out_when_the_work_fails() -> None:
    base = tiny()
    x, tokens, time = torch.randn(1, 4, 32, 32), torch.randn(1, 15, 24), torch.tensor([0.5])
    maps = torch.randn(1, 8, 128, 128)
    before = base(x, time, tokens, maps)
    adapter = BackAdapter.of(base.unet, rank=4)
    for parameter in adapter.parameters():
        parameter.normal_()
    try:
        with adapter.attached(base.unet, x):
            raise KeyError("stop")
    except KeyError:
        pass
    assert torch.equal(base(x, time, tokens, maps), before)


def test_adapter_survives_the_disk(tmp_path) -> None:  # type: ignore[no-untyped-def]
    adapter = BackAdapter.of(tiny().unet, rank=4)
    with torch.no_grad():
        for parameter in adapter.parameters():
            parameter.normal_()
    adapter.save_pretrained(tmp_path)
    again = BackAdapter.from_pretrained(tmp_path)
    kept, read = dict(adapter.named_parameters()), dict(again.named_parameters())
    assert kept.keys() == read.keys() and all(torch.equal(kept[name], read[name]) for name in kept)
