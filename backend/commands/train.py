"""`doppel train MODEL`: train one model of the chain, for a given time, from where the last run stopped."""

from __future__ import annotations

import argparse
from pathlib import Path

MODELS = (
    "prompt",
    "autoencoder",
    "close-up-autoencoder",
    "denoiser",
    "back",
    "picture-decoder",
    "close-up",
    "lifter",
    "judge",
)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("train", help="train a model", description=__doc__)
    parser.add_argument("model", choices=MODELS, help="in this order: each needs those before it")
    parser.add_argument("--data", type=Path, nargs="+", default=[], help="folders that `doppel data make` wrote")
    parser.add_argument("--out", type=Path, required=True, help="model folder to write into")
    parser.add_argument(
        "--runs", type=Path, default=Path("runs"), help="folder of logs, checkpoints and contact sheets"
    )
    parser.add_argument(
        "--minutes", type=float, required=True, help="time budget, earlier runs of the same model included"
    )
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument(
        "--adversarial",
        action="store_true",
        help="sharpen a trained denoiser, back adapter or close-up by a judge of latents, after its plain training",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=None, help="use only so many people")
    parser.add_argument("--captions", type=int, default=12000, help="how many captions the prompt encoder reads")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--device", default="cpu")


def run(args: argparse.Namespace) -> int:
    import torch

    from ..pipelines.weights import write_index
    from ..protocol.errors import DoppelError

    if args.minutes <= 0 or args.batch < 1:
        raise DoppelError("train_arguments", "--minutes and --batch must be positive", "See `doppel train --help`.")
    if args.model != "prompt" and not args.data:
        raise DoppelError(
            "train_arguments", f"training the {args.model} needs --data", "Make some with `doppel data make`."
        )
    if args.adversarial:
        if args.batch < 2:
            raise DoppelError("train_arguments", "--adversarial needs a --batch of 2 or more: half of it is judged")
        trained = {"denoiser": "unet", "back": "back_adapter", "close-up": "close_up_unet"}
        if args.model not in trained or not (args.out / trained[args.model]).is_dir():
            raise DoppelError(
                "train_arguments",
                "--adversarial sharpens the denoiser, the back adapter or the close-up of a model folder that has one",
                "Train it without --adversarial first.",
            )
    if args.threads:
        torch.set_num_threads(args.threads)
    folder = args.runs / (f"{args.model}-adversarial" if args.adversarial else args.model)
    measured = _train(args, folder)
    if args.model != "judge":  # evaluation's own, no part of a model folder
        write_index(args.out)
    print(" ".join(f"{name}={value:.4f}" for name, value in measured.items()))
    return 0


def _train(args: argparse.Namespace, folder: Path) -> dict[str, float]:
    if args.model == "prompt":
        from ..training.prompt_encoder import train

        return train(args.out / "prompt_encoder", args.captions, args.minutes, args.seed, args.device)
    if args.model.endswith("autoencoder"):
        from ..training.autoencoder import train_autoencoder

        limit = 2 * args.limit if args.limit else 1000
        close_up = args.model == "close-up-autoencoder"
        out = args.out / ("close_up_vae" if close_up else "vae")
        return train_autoencoder(
            args.data, out, folder, args.minutes, args.seed, args.batch, limit, close_up, args.device
        )
    if args.model == "lifter":
        from ..training.lifter import train_lifter

        return train_lifter(args.data, args.out, folder, args.minutes, args.seed, args.batch, limit=args.limit)
    if args.model == "judge":
        from ..training.judge import train_judge

        return train_judge(args.data, args.out, folder, args.minutes, args.seed, args.batch, device=args.device)
    from ..training.close_up import train_close_up
    from ..training.denoiser import train_back, train_base
    from ..training.latents import make_close_ups, make_latents

    data = make_latents(args.data, args.out, args.limit, cache=args.runs / "latents.pt")
    if args.model == "picture-decoder":
        from ..training.picture_decoder import load_pictures, train_picture_decoder

        pictures, labels = load_pictures(args.data, args.limit or 1500)
        return train_picture_decoder(
            data, pictures, labels, args.out, folder, args.minutes, args.seed, args.batch, device=args.device
        )
    budget = (args.out, folder, args.minutes, args.seed, args.batch)
    if args.model == "close-up":
        heads = make_close_ups(args.data, args.out, args.limit, cache=args.runs / "close_ups.pt")
        return train_close_up(data, heads, *budget, adversarial=args.adversarial, device=args.device)
    make = train_base if args.model == "denoiser" else train_back
    return make(data, *budget, adversarial=args.adversarial, device=args.device)
