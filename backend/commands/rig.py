"""`doppel rig`: skin and skeleton for a mesh and the posed body inside it."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

from ..protocol.errors import DoppelError
from ..protocol.request import REST_POSES
from .generate import BODY_HELP, check_output, read_body

_PLAIN_SIZE = 8  # pixels of the picture of a mesh without a texture


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "rig",
        help="rig a mesh to the body inside it",
        description="Give a mesh the skeleton and the skin of the posed body inside it. Writes avatar.npz, for the "
        "extension and `doppel export`, and avatar.glb.",
    )
    parser.add_argument("mesh", type=Path, help="a .glb with one texture: metres, Y up, facing +Z")
    parser.add_argument("--body", type=Path, default=None, help=BODY_HELP)
    parser.add_argument(
        "--pose", action="append", default=[], metavar="JOINT=X,Y,Z", help="axis-angle of a joint in radians"
    )
    parser.add_argument("--body-model", type=Path, default=None, help="your own SMPLX_*.npz (default: the open body)")
    parser.add_argument("--out", type=Path, default=Path("out"), help="folder of the results (default: out)")
    parser.add_argument(
        "--rest", choices=REST_POSES, default="t", help="rest pose of the avatar (default: %(default)s)"
    )


def run(args: argparse.Namespace) -> int:
    from rigging.body_fit import check_fit
    from rigging.body_model import BodyModel
    from rigging.body_parameters import BodyParameters
    from rigging.gltf import write_glb
    from rigging.gltf_mesh import read_mesh
    from rigging.rest_pose import with_rest

    from ..pipelines.rig import RigPipeline, skin_of

    body = read_body(args.body, args.pose)
    params = BodyParameters.from_dict(body) if body else BodyParameters.a_pose()
    model = BodyModel.load(args.body_model)
    try:
        mesh = read_mesh(args.mesh)
    except OSError as error:
        raise DoppelError("mesh_unreadable", f"cannot read {args.mesh}: {error.strerror}", "check the path") from None
    texture = _png(mesh.image, mesh.colour, args.mesh)
    fit = check_fit(mesh.vertices, model.pose(params).vertices, skin_of(model)[0])
    check_output(args.out)
    provenance = {"mesh": args.mesh.name, "body": params.to_dict(), "near_body": round(fit.near, 4)}
    character = RigPipeline()(mesh.vertices, mesh.faces, mesh.uvs, model, params, texture, provenance)
    character = with_rest(character, args.rest)
    character.save_npz(args.out / "avatar.npz")
    write_glb(args.out / "avatar.glb", character)
    report = character.provenance["rig"]
    print(
        f"{args.out / 'avatar.glb'}: {len(character.faces)} triangles, rest pose {args.rest}; {fit.near:.0%} near the "
        f"body, {report['bridges']} bridges between limbs, {report['bridges_left']} left"
    )
    return 0


def _png(image: bytes | None, colour: tuple[float, float, float], path: Path) -> bytes:
    """The base colour as PNG: the file's picture, or its one colour.

    Raises:
        DoppelError: ``mesh_texture``, the picture is damaged.
    """
    from PIL import Image

    if image is not None and image.startswith(b"\x89PNG"):
        return image
    try:
        if image is not None:
            picture = Image.open(io.BytesIO(image)).convert("RGB")
        else:
            level = tuple(round(255 * _srgb(value)) for value in colour)
            picture = Image.new("RGB", (_PLAIN_SIZE, _PLAIN_SIZE), (level[0], level[1], level[2]))
    except (OSError, ValueError) as error:
        raise DoppelError("mesh_texture", f"the texture in {path} cannot be read: {error}", "export it again") from None
    stream = io.BytesIO()
    picture.save(stream, "PNG")
    return stream.getvalue()


def _srgb(linear: float) -> float:
    return 12.92 * linear if linear <= 0.0031308 else 1.055 * linear ** (1 / 2.4) - 0.055
