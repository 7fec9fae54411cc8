"""`doppel body`: describe a body by sliders, betas and joint rotations, and write it as JSON or NPZ."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

_SLIDERS = {
    "age": ("YEARS", "18 to 90"),
    "gender": ("G", "0 male to 1 female"),
    "height_cm": ("CM", "140 to 210; met exactly"),
    "weight": ("W", "0 least to 1 most"),
    "muscle": ("M", "0 least to 1 most"),
}


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "body",
        help="describe a body and write it to a file",
        description="Describe a body by sliders or betas and a pose. The file serves `doppel generate --body` and "
        "BodyParameters.from_dict. Sliders left out are those of the mean body.",
    )
    for name, (metavar, text) in _SLIDERS.items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=float, metavar=metavar, help=text)
    parser.add_argument(
        "--betas",
        metavar="B1,B2,...",
        help="up to 10 shape coefficients instead of sliders, in standard deviations (--betas=-1,0.5)",
    )
    parser.add_argument(
        "--pose",
        action="append",
        default=[],
        metavar="JOINT=X,Y,Z",
        help="rotation of an SMPL-X joint, axis-angle in radians, such as left_elbow=0,-0.5,0; may be repeated",
    )
    parser.add_argument("--rest", choices=("t", "a"), default="t", help="pose to start from (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help=".json or .npz to write")


def run(args: argparse.Namespace) -> int:
    from rigging.body_parameters import BodyParameters
    from rigging.motion.pose_file import save_pose
    from rigging.semantic import betas_to_semantic

    from ..protocol.errors import DoppelError

    sliders = {name: getattr(args, name) for name in _SLIDERS if getattr(args, name) is not None}
    if args.betas is not None and sliders:
        raise DoppelError("body_arguments", "--betas and sliders both set the shape", "Give one or the other.")
    document: dict[str, Any] = {"semantic": sliders} if sliders else {}
    if args.betas is not None:
        betas = _numbers("--betas", args.betas)
        if len(betas) > 10:
            raise DoppelError("body_betas", f"--betas has {len(betas)} numbers; there are 10 betas", "")
        document["betas"] = betas + [0.0] * (10 - len(betas))
    shape = BodyParameters.from_dict(document)
    body = BodyParameters.a_pose(shape.betas) if args.rest == "a" else shape
    for item in args.pose:
        joint, separator, rotation = item.partition("=")
        if not separator:
            raise DoppelError("body_pose", f"--pose {item!r} has no '='", "Write it like left_elbow=0,-0.5,0.")
        body = body.with_joint(joint.strip(), _numbers(f"--pose {joint}", rotation))
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        save_pose(args.out, body)
    except OSError as error:
        raise DoppelError(
            "body_write",
            f"cannot write {args.out}: {error.strerror or error}",
            "Choose a folder that you may write to.",
        ) from None
    described = ", ".join(f"{name} {value:.3g}" for name, value in betas_to_semantic(body.betas).items())
    print(f"{args.out}: {described}")
    return 0


def _numbers(option: str, text: str) -> list[float]:
    from ..protocol.errors import DoppelError

    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        raise DoppelError(
            "body_number", f"{option}: {text!r} is not a list of numbers", "Separate numbers by commas, without spaces."
        ) from None
