"""`doppel generate`: a prompt becomes a rigged, textured avatar."""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..protocol.errors import DoppelError
from ..protocol.photo import KEEP, MAX_PEOPLE, about_back
from ..protocol.request import REST_POSES, TOPOLOGIES, GenerateRequest

if TYPE_CHECKING:
    from PIL.Image import Image
    from tqdm import tqdm

LEAST_FREE_BYTES = 200 * 1024**2
BODY_HELP = "shape and pose: a .json as `doppel body` writes it, or an .npz with SMPL-X's parameters"
_DEFAULTS = GenerateRequest(prompt="-")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("generate", help="make an avatar from a prompt", description=__doc__)
    parser.add_argument(
        "prompt", nargs="?", default="", help='what to make, e.g. "a woman in a red dress with long brown hair"'
    )
    parser.add_argument("--image", type=Path, default=None, help="photo of the person to make (PNG, JPEG, WebP)")
    parser.add_argument(
        "--back-image", type=Path, default=None, help="a second photo, of the same person from behind, in the same pose"
    )
    parser.add_argument(
        "--person",
        type=int,
        choices=range(1, MAX_PEOPLE + 1),
        default=1,
        metavar="K",
        help="which person of the photo, 1 = the largest, 2 = the next (default: 1)",
    )
    parser.add_argument(
        "--keep",
        choices=KEEP,
        default=KEEP[0],
        help="what stays as in the photo; with head, the prompt decides the rest",
    )
    parser.add_argument(
        "--repaint",
        action="store_true",
        help="paint the person of the photo anew, in the pose of --body or --pose, or in the A-pose: for people who "
        "look away, or hold their arms before the trunk",
    )
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder of the results (default: out)")
    parser.add_argument("--negative-prompt", default="")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--hypotheses", type=int, default=1, help="how many backs, and so avatars, of one front")
    parser.add_argument("--steps", type=int, default=_DEFAULTS.steps, help="denoising steps a view")
    parser.add_argument("--guidance-scale", type=float, default=_DEFAULTS.guidance_scale)
    parser.add_argument("--body", type=Path, default=None, help=BODY_HELP)
    parser.add_argument(
        "--pose", action="append", default=[], metavar="JOINT=X,Y,Z", help="axis-angle of a joint in radians"
    )
    parser.add_argument("--body-model", type=Path, default=None, help="your own SMPLX_*.npz (default: the open body)")
    parser.add_argument(
        "--topology", choices=TOPOLOGIES, default=_DEFAULTS.topology, help="free triangles, or the body's own quads"
    )
    parser.add_argument(
        "--rest", choices=REST_POSES, default=_DEFAULTS.rest, help="rest pose of the avatar (default: %(default)s)"
    )
    parser.add_argument("--triangles", type=int, default=_DEFAULTS.triangles)
    parser.add_argument("--texture-size", type=int, default=_DEFAULTS.texture_size)
    parser.add_argument("--weights", type=Path, default=None, help="model folder (default: the bundled one)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, cuda:1, ...")
    parser.add_argument("--quiet", action="store_true", help="no progress bars")


def run(args: argparse.Namespace) -> int:
    photo = None if args.image is None else load_photo(args.image)
    with about_back():
        back_photo = None if args.back_image is None else load_photo(args.back_image)
    request = GenerateRequest(
        prompt=args.prompt,
        negative_prompt=args.negative_prompt,
        seed=args.seed,
        hypotheses=args.hypotheses,
        steps=args.steps,
        guidance_scale=args.guidance_scale,
        body=read_body(args.body, args.pose),
        topology=args.topology,
        rest=args.rest,
        triangles=args.triangles,
        texture_size=args.texture_size,
        photo="" if photo is None else hashlib.sha256(photo).hexdigest(),
        person=args.person - 1,
        keep=args.keep,
        photo_body="repaint" if args.repaint else "target",
        back_photo="" if back_photo is None else hashlib.sha256(back_photo).hexdigest(),
    ).validate()
    check_output(args.out)
    bars = ProgressBars(quiet=args.quiet)
    bars("loading", 0, 1, None)
    from ..pipelines.avatar import AvatarPipeline

    pipeline = AvatarPipeline.from_pretrained(args.weights, args.device, args.body_model)
    bars("loading", 1, 1, None)
    avatars = pipeline(request, bars, photo=photo, back_photo=back_photo)
    bars("save", 0, len(avatars), None)
    for index, avatar in enumerate(avatars):
        folder = args.out if len(avatars) == 1 else args.out / str(index)
        avatar.save(folder)
        bars("save", index + 1, len(avatars), None)
    bars.close()
    photos = avatars[0].provenance.get("photo", {})
    for warning in [*photos.get("warnings", []), *photos.get("back", {}).get("warnings", [])]:
        print(f"note: {warning}", file=sys.stderr)
    print(f"{args.out / 'avatar.glb' if len(avatars) == 1 else args.out}")
    return 0


def load_photo(path: Path) -> bytes:
    """The bytes of a photo's file, once it is sure that it can be read here.

    Raises:
        DoppelError: ``photo_unavailable``, or as :func:`backend.photo.read.read_photo`.
    """
    from ..photo.networks import require
    from ..photo.read import load, read_photo

    data = load(path)
    require()
    read_photo(data)
    return data


def read_body(path: Path | None, poses: list[str]) -> dict[str, Any]:
    """The request's body from a file of shape and pose, and single joints; empty when neither is given.

    Raises:
        DoppelError: ``body_unreadable`` or ``body_invalid``.
    """
    from rigging.body_parameters import BodyParameterError, BodyParameters
    from rigging.motion.errors import MotionError
    from rigging.motion.pose_file import load_body

    if path is None and not poses:
        return {}
    parameters, shaped = BodyParameters.a_pose(), False
    if path is not None:
        try:
            parameters, shaped = load_body(path)
        except MotionError as error:
            raise DoppelError(
                "body_unreadable", str(error).rstrip("."), "or use `doppel body --out body.json`"
            ) from None
    for pose in poses:
        joint, _, numbers = pose.partition("=")
        try:
            x, y, z = (float(value) for value in numbers.split(","))
        except ValueError:
            raise DoppelError(
                "body_invalid", f"--pose {pose} is not JOINT=X,Y,Z", "e.g. --pose left_elbow=0,-0.8,0"
            ) from None
        try:
            parameters = parameters.with_joint(joint, (x, y, z))
        except BodyParameterError as error:
            raise DoppelError("body_invalid", f"--pose {pose} cannot be used: {error}") from None
    body = parameters.to_dict()
    if not shaped:
        del body["betas"]  # no shape was given: the prompt's
    return body


def check_output(folder: Path) -> None:
    """Refuse, before any work, a folder that cannot be written or has no room.

    Raises:
        DoppelError: ``output_unwritable`` or ``disk_full``.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise DoppelError(
            "output_unwritable",
            f"cannot write into {folder}: {os.strerror(error.errno or 0)}",
            "choose another folder with --out",
        ) from None
    if free < LEAST_FREE_BYTES:
        raise DoppelError(
            "disk_full",
            f"{folder} has {free / 1024**2:.0f} MiB left, {LEAST_FREE_BYTES // 1024**2} are needed",
            "free some space or choose another folder with --out",
        )


class ProgressBars:
    """One bar a stage on stderr."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet
        self._bar: tqdm[Any] | None = None

    def __call__(self, stage: str, step: int, steps: int, preview: Image | None) -> None:
        from tqdm import tqdm

        if self._quiet:
            return
        if self._bar is None or self._bar.desc.split(":")[0] != stage:
            self.close()
            self._bar = tqdm(
                total=steps, desc=stage, file=sys.stderr, bar_format="{desc:8} {bar:30} {n_fmt}/{total_fmt} {elapsed}"
            )
        self._bar.total = max(steps, step)
        self._bar.n = step
        self._bar.refresh()

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
