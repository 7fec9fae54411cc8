"""`doppel retarget`: a character in a motion, from motion capture."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from ..protocol.errors import DoppelError
from .export import read_character

if TYPE_CHECKING:
    from rigging.character import RiggedCharacter

_OUTPUTS = (".glb", ".npz")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "retarget",
        help="play a motion clip on an avatar",
        description="Play a motion clip on an avatar, by the rotations of its joints. The path is scaled to the length "
        "of the legs, and standing feet are kept where they stand.",
    )
    parser.add_argument("avatar", type=Path, help="avatar.npz or avatar.glb, or the folder that they are in")
    parser.add_argument("clip", type=Path, help=".bvh (CMU, MakeHuman) or .npz (SMPL-X, AMASS)")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help=".glb with the animation, or .npz with the motion alone (AMASS's layout)",
    )
    parser.add_argument("--start", type=float, default=0.0, metavar="S", help="seconds to leave out at the beginning")
    parser.add_argument("--end", type=float, default=None, metavar="S", help="where to stop (default: at the end)")
    parser.add_argument("--fps", type=float, default=None, help="frames a second of the clip, if not as the file says")
    parser.add_argument(
        "--up", choices=("auto", "y", "z", "-y"), default="auto", help="axis that points up in an .npz (default: auto)"
    )
    parser.add_argument("--in-place", action="store_true", help="leave a clip that walks in place there")
    parser.add_argument("--no-contact", action="store_true", help="rotations alone: standing feet may slide")


def run(args: argparse.Namespace) -> int:
    from rigging.gltf_animation import animated_glb
    from rigging.motion.fit import fit_to_character
    from rigging.motion.load import load_motion
    from rigging.motion.smplx_clip import save_clip

    if args.out.suffix.lower() not in _OUTPUTS:
        raise DoppelError("retarget_output", f"{args.out} is neither .glb nor .npz", "such as --out walk.glb")
    if args.fps is not None and not 1.0 <= args.fps <= 2000.0:
        raise DoppelError("retarget_arguments", f"--fps {args.fps:g} is not 1 to 2000", "frames a second, such as 30")
    clip = load_motion(args.clip, args.fps, args.up)
    if not 0.0 <= args.start <= clip.duration or (args.end is not None and not args.start <= args.end):
        raise DoppelError(
            "retarget_arguments",
            f"--start and --end leave nothing of {args.clip.name}",
            f"it lasts {clip.duration:.2f} seconds",
        )
    character = read_avatar(args.avatar)
    motion = fit_to_character(clip.cut(args.start, args.end), character, not args.no_contact, args.in_place)
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
        if args.out.suffix.lower() == ".glb":
            animated_glb(character, motion).save(args.out)
        else:
            save_clip(args.out, motion)
    except OSError as error:
        raise DoppelError(
            "output_unwritable", f"cannot write {args.out}: {error.strerror}", "choose another place with --out"
        ) from None
    walked = ", walked on from in place" if motion.walked_on else ""
    print(
        f"{args.out}: {len(motion.poses)} frames, {1.0 / motion.frame_time:.4g} a second{walked}; "
        f"standing feet slide {100.0 * motion.slide:.1f} cm at most"
    )
    return 0


def read_avatar(path: Path) -> RiggedCharacter:
    """A character from its ``.npz``, its ``.glb`` or the folder of a result.

    Raises:
        DoppelError: ``avatar_missing`` or ``avatar_unreadable``.
    """
    if path.suffix.lower() != ".glb":
        return read_character(path)
    from rigging.gltf import read_glb

    try:
        return read_glb(path)
    except OSError as error:
        raise DoppelError("avatar_missing", f"cannot read {path}: {error.strerror}", "check the path") from None
