"""`doppel export`: an avatar as another program wants it: a GLB on its skeleton, a VRM, or its pose alone."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..protocol.errors import DoppelError

if TYPE_CHECKING:
    from rigging.character import RiggedCharacter
    from rigging.skeletons import Skeleton

FORMATS = ("glb", "vrm", "usd", "json", "npz")
POSES = ("json", "npz")
CHARACTER_FILE = "avatar.npz"
_SKELETONS = ("smplx", "mixamo", "unreal", "unity", "rigify", "vrm")


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "export",
        help="write an avatar for an engine",
        description="Write an avatar as GLB or VRM 1.0 on a skeleton of your choice. It stands in its rest pose; every "
        "face shape is kept, and visemes composed from them. A .json or .npz gets its shape and pose as SMPL-X's "
        "parameters. FBX, USD and BVH are written by the Blender extension.",
    )
    parser.add_argument("avatar", type=Path, help="avatar.npz, or the folder that it is in")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="file to write")
    parser.add_argument("--format", choices=FORMATS, default=None, help="default: by the ending of --out")
    parser.add_argument(
        "--skeleton", choices=_SKELETONS, default=None, help="default: smplx; vrm for VRM, which takes any of them"
    )
    parser.add_argument("--posed", action="store_true", help="GLB only: stand as generated instead of at rest")
    parser.add_argument(
        "--pose", type=Path, default=None, metavar="FILE", help="stand in the pose of a .json or .npz, not as generated"
    )
    parser.add_argument("--name", default="", help="the avatar's name (default: its prompt)")
    parser.add_argument(
        "--author", action="append", default=[], metavar="NAME", help="VRM: who made it; may be repeated"
    )
    parser.add_argument(
        "--vrm-meta", type=Path, default=None, metavar="FILE", help="VRM: JSON with more fields of its meta and licence"
    )


def run(args: argparse.Namespace) -> int:
    from rigging.expressions import with_visemes
    from rigging.eyes import with_turning_eyes
    from rigging.gltf import glb_of
    from rigging.rest_pose import with_rest
    from rigging.skeletons import convert, skeleton

    kind = args.format or args.out.suffix.lower().lstrip(".")
    target = _checked(args, kind)
    character = read_character(args.avatar)
    if args.pose is not None:
        character = _posed(character, args.pose)
    if kind in POSES:
        return _write_pose(args.out, character)
    name = args.name or _title(character)
    meta = _vrm_meta(args, name) if kind == "vrm" else None
    chosen = skeleton(target)
    if meta is not None and character.rest_pose.any():
        character = with_rest(character, "t")  # VRM's rest is the T-pose
    complete = with_turning_eyes(character)
    complete = replace(complete, morphs=with_visemes(complete.morphs))
    writer = glb_of(
        complete,
        pose=args.posed or args.pose is not None,
        name=name,
        rig=convert(complete, chosen),
        tangents=meta is None,
    )
    data = writer.to_bytes()
    if meta is not None:
        from rigging.vrm import vrm_of

        data = vrm_of(data, meta, chosen.from_smplx)
    _write(args.out, data)
    print(f"{args.out}: {_summary(complete, chosen)}")
    return 0


def read_character(path: Path) -> RiggedCharacter:
    """The character in an ``.npz``, or in the folder of a result.

    Raises:
        DoppelError: ``avatar_missing`` or ``avatar_unreadable``.
    """
    from rigging.character import CharacterError, RiggedCharacter

    file = path / CHARACTER_FILE if path.is_dir() else path
    if not file.is_file():
        raise DoppelError("avatar_missing", f"there is no {file}", "name an avatar.npz or the folder that it is in")
    try:
        return RiggedCharacter.load_npz(file)
    except (CharacterError, OSError) as error:
        raise DoppelError("avatar_unreadable", str(error), "`doppel generate` writes such files") from None


def _posed(character: RiggedCharacter, path: Path) -> RiggedCharacter:
    """The character in the pose of a file; its shape stays.

    Raises:
        MotionError: as of `load_pose`.
    """
    from rigging.motion.pose_file import load_pose

    pose = load_pose(path)
    pose.betas, pose.expression = character.params.betas, character.params.expression
    return replace(character, params=pose)


def _write_pose(path: Path, character: RiggedCharacter) -> int:
    from rigging.motion.pose_file import save_pose

    try:
        save_pose(path, character.params)
    except OSError as error:
        raise _unwritable(path, error) from None
    print(f"{path}: shape and pose, {len(character.joints)} joints")
    return 0


def _checked(args: argparse.Namespace, kind: str) -> str:
    """The skeleton to write.

    Raises:
        DoppelError: the options do not go together, or the format is not written here.
    """
    if kind.startswith("usd"):
        raise DoppelError(
            "export_usd",
            "USD is written by Blender, which brings the library for it",
            "import the avatar with the Doppel extension and choose USD in its Export panel",
        )
    if kind not in FORMATS:
        raise DoppelError(
            "export_format",
            f"{args.out.name} does not end in .glb or .vrm, or for its pose in .json or .npz",
            "name the format with --format; FBX and BVH are written by the Blender extension",
        )
    if args.format in POSES and args.out.suffix.lower() != f".{args.format}":
        raise DoppelError(
            "export_format", f"{args.out.name} does not end in .{args.format}", "poses go by their ending"
        )
    if kind == "vrm" and (args.posed or args.pose):
        raise DoppelError("export_posed", "a VRM stands in its T-pose", "leave --posed and --pose out")
    if kind != "vrm" and (args.author or args.vrm_meta):
        raise DoppelError("export_meta", "only VRM files carry authors and a licence", "use --format vrm")
    if not args.out.parent.is_dir():
        raise DoppelError("output_unwritable", f"there is no folder {args.out.parent}", "create it, or choose another")
    return args.skeleton or ("vrm" if kind == "vrm" else "smplx")


def _vrm_meta(args: argparse.Namespace, name: str) -> Any:
    from rigging.vrm import VrmMeta

    document: dict[str, Any] = {}
    if args.vrm_meta is not None:
        try:
            document = json.loads(args.vrm_meta.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise DoppelError("export_meta", f"{args.vrm_meta} cannot be read as JSON: {error}") from None
        if not isinstance(document, dict):
            raise DoppelError("export_meta", f"{args.vrm_meta} does not hold a JSON object")
    document = {"name": name, **document}
    if args.author:
        document["authors"] = args.author
    if not document.get("authors"):
        raise DoppelError("export_author", "a VRM carries a licence and needs its author", "add --author NAME")
    return VrmMeta.from_dict(document)


def _title(character: RiggedCharacter) -> str:
    request = character.provenance.get("request")
    prompt = request.get("prompt") if isinstance(request, dict) else None
    return str(prompt or "Avatar")[:60]


def _write(path: Path, data: bytes) -> None:
    from rigging import atomic

    try:
        atomic.write_bytes(path, data)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> DoppelError:
    return DoppelError(
        "output_unwritable", f"cannot write {path}: {error.strerror or error}", "choose another place with --out"
    )


def _summary(character: RiggedCharacter, chosen: Skeleton) -> str:
    left_out = [name for name in character.joint_names if name not in chosen.from_smplx]
    kept = f"{chosen.title}, {len(chosen.bones)} bones, {len(character.faces)} triangles"
    return f"{kept}, {len(character.morphs)} face shapes" + (f"; left out: {', '.join(left_out)}" if left_out else "")
