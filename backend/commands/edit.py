"""`doppel edit`: change a garment, the outfit or the person of an avatar by a prompt, and keep the rest."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..protocol.errors import DoppelError
from ..protocol.request import GenerateRequest
from .generate import ProgressBars, check_output

if TYPE_CHECKING:
    from torch import Tensor

_DEFAULTS = GenerateRequest(prompt="-")
_LARGEST_SIDE = 4096


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("edit", help="change a part of an avatar by a prompt", description=__doc__)
    parser.add_argument("avatar", type=Path, help="folder of an avatar, as `doppel generate` wrote it")
    parser.add_argument("prompt", help='the person as it shall be, e.g. "a woman in a green shirt and blue jeans"')
    parser.add_argument(
        "--change",
        nargs="+",
        required=True,
        metavar="AREA",
        help="what to paint anew: head, upper, lower, shoes, outfit, person; all else stays",
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the result")
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=_DEFAULTS.steps, help="denoising steps a view")
    parser.add_argument("--guidance-scale", type=float, default=_DEFAULTS.guidance_scale)
    parser.add_argument("--body-model", type=Path, default=None, help="your own SMPLX_*.npz (default: the open body)")
    parser.add_argument("--triangles", type=int, default=_DEFAULTS.triangles)
    parser.add_argument("--texture-size", type=int, default=_DEFAULTS.texture_size)
    parser.add_argument("--weights", type=Path, default=None, help="model folder (default: the bundled one)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def run(args: argparse.Namespace) -> int:
    from ..pipelines.edit import Edit, parse_areas

    request = GenerateRequest(
        prompt=args.prompt,
        negative_prompt=args.negative_prompt,
        seed=args.seed,
        steps=args.steps,
        guidance_scale=args.guidance_scale,
        body=_body_of(args.avatar),
        triangles=args.triangles,
        texture_size=args.texture_size,
    ).validate()
    front, back = (_picture(args.avatar / name) for name in ("front.png", "back.png"))
    edit = Edit(front, back, parse_areas(args.change))
    check_output(args.out)
    bars = ProgressBars(quiet=args.quiet)
    bars("loading", 0, 1, None)
    from ..pipelines.avatar import AvatarPipeline

    pipeline = AvatarPipeline.from_pretrained(args.weights, args.device, args.body_model)
    bars("loading", 1, 1, None)
    (avatar,) = pipeline(request, bars, edit=edit)
    bars("save", 0, 1, None)
    avatar.save(args.out)
    bars("save", 1, 1, None)
    bars.close()
    print(args.out / "avatar.glb")
    return 0


def _body_of(folder: Path) -> dict[str, Any]:
    """The body that an avatar was made with."""
    try:
        body = json.loads((folder / "avatar.json").read_text(encoding="utf-8"))["request"]["body"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DoppelError(
            "avatar_unreadable",
            f"{folder} holds no avatar that can be edited: {error}",
            "give the folder that `doppel generate --out` wrote",
        ) from None
    if not isinstance(body, dict):
        raise DoppelError("avatar_unreadable", f"{folder / 'avatar.json'} has no body")
    return body


def _picture(path: Path) -> Tensor:
    """A square RGBA picture (4, S, S) in [0, 1]."""
    import numpy as np
    import torch
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(path) as image:
            if image.width != image.height or image.width > _LARGEST_SIDE or image.mode != "RGBA":
                raise DoppelError(
                    "avatar_unreadable", f"{path} is not a square RGBA picture of at most {_LARGEST_SIDE} pixels"
                )
            values = np.asarray(image, dtype=np.float32) / 255
    except (OSError, UnidentifiedImageError) as error:
        raise DoppelError("avatar_unreadable", f"{path} cannot be read: {error}", "generate the avatar anew") from None
    return torch.from_numpy(values).permute(2, 0, 1)
