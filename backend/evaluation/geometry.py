"""`doppel eval geometry`: lifted people against the true ones of the test split, beside simple baselines.

Each person is given to lift and texture as true front and back pictures; identities, clothes and poses are unseen.
The generated chain follows as a second block: there is no truth to compare with, so only the mesh and the time count.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..protocol.errors import DoppelError

if TYPE_CHECKING:
    import numpy as np
    from PIL.Image import Image
    from torch import Tensor

    from ..data.factory import Factory
    from ..models.lifter import Lifter
    from .appearance import TexturedModel
    from .truth import TruePerson

YAWS = (0, 90, 180, 270)
"""Degrees by which people are turned away from the camera, the first of them for --yaws 1."""
OURS = "Doppel"
PROMPTS = (
    "a woman in a red dress with long brown hair",
    "a man in a navy suit and black shoes",
    "a young woman in blue jeans and a white T-shirt",
    "an old man in a grey coat",
    "a woman in a black skirt and a striped top",
    "a muscular man in a green tank top and shorts",
    "a middle-aged woman in a beige coat and a hat",
    "a man with a beard in a checked shirt and jeans",
    "a tall slim woman in a long yellow dress",
    "a heavy man in dark overalls",
)
_SAMPLES = 60_000
_SHAPE = ("p2s", "s2p", "chamfer", "normals", "f@0.5", "f@1")
_HYGIENE = (
    "closed",
    "components",
    "non_manifold_edges",
    "self_intersecting_faces",
    "uv_overlap",
    "background_texels",
)


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser("geometry", help="shape and texture against the truth", description=__doc__)
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--yaws", type=int, default=len(YAWS), choices=range(1, len(YAWS) + 1))
    parser.add_argument(
        "--baselines", type=int, default=10, metavar="N", help="the first N people are given to the baselines as well"
    )
    parser.add_argument("--chain", type=int, default=0, metavar="N", help="also generate N avatars from prompts")
    parser.add_argument("--out", type=Path, default=Path("runs/eval/geometry"), help="cache; a second run goes on")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--assets", type=Path, default=None, help="asset folder (default: $DOPPEL_ASSETS)")
    parser.add_argument("--weights", type=Path, default=None, help="model folder (default: the bundled one)")
    parser.add_argument("--triangles", type=int, default=40_000)
    parser.add_argument("--texture-size", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)


def run(args: argparse.Namespace) -> int:
    import torch
    from tqdm import tqdm

    from ..data.catalogue import Catalogue
    from ..data.factory import Factory
    from ..models.lifter import Lifter
    from ..pipelines.weights import weights_folder

    if args.people < 1 or args.baselines < 0 or not 0 <= args.chain <= len(PROMPTS):
        raise DoppelError(
            "eval_arguments",
            f"--people must be at least 1, --baselines not negative, --chain 0 to {len(PROMPTS)}",
        )
    torch.set_num_threads(args.threads)
    folder = weights_folder(args.weights)
    _open_cache(args, folder)
    lifter = Lifter.from_pretrained(folder / "lifter").float().eval().requires_grad_(False)
    catalogue = Catalogue.load(args.assets)
    factory = Factory(catalogue, args.seed, held_out=True)
    cases = [(person, yaw) for person in range(args.people) for yaw in YAWS[: args.yaws]]
    missing = [case for case in cases if not _case_path(args.out, *case).exists()]
    for person, yaw in tqdm(missing, desc="people"):
        record, sheet = measure_person(
            factory, lifter, person, yaw, args.triangles, args.texture_size, baselines=person < args.baselines
        )
        path = _made(_case_path(args.out, person, yaw))
        sheet.save(path.with_suffix(".png"))
        _write(path, record)
    print(person_tables([json.loads(_case_path(args.out, *case).read_text(encoding="utf-8")) for case in cases]))
    if args.chain:
        print(chain_table(list(_chain(args, folder))))
    return 0


def measure_person(
    factory: Factory, lifter: Lifter, index: int, yaw: int, triangles: int, texture_size: int, baselines: bool = True
) -> tuple[dict[str, Any], Image]:
    """Every method's figures for one person, and a sheet of the eight views: the truth above our result."""
    import torch

    from ..pipelines.body import PosedSubject
    from ..pipelines.lift import LiftPipeline, LiftResult
    from ..pipelines.texture import TexturePipeline
    from .baselines import BASELINES
    from .truth import TruePerson

    person = TruePerson.draw(factory, index, math.radians(yaw))
    subject = PosedSubject.of(factory.wardrobe.body_model, person.body, torch.device("cpu"))
    front, back = person.pictures
    rows: dict[str, Any] = {}

    def lift() -> LiftResult:
        return LiftPipeline(lifter)(subject, front, back, triangles)

    def baseline(name: str) -> Callable[[], LiftResult]:
        return lambda: LiftResult(*BASELINES[name](subject, front, back, triangles))

    models = {}
    methods = {OURS: lift} | ({name: baseline(name) for name in BASELINES} if baselines else {})
    for name, method in methods.items():
        started = time.perf_counter()
        lifted = method()
        between = time.perf_counter()
        textured = TexturePipeline()(lifted, subject, front, back, texture_size)
        seconds = {"lift": between - started, "texture": time.perf_counter() - between}
        models[name] = _textured(textured)
        rows[name] = {"seconds": seconds, **_measure(person, lifted.vertices, lifted.faces, models[name], index)}
    record = {"person": index, "yaw": yaw, "rows": rows}
    return record, _sheet(person, models[OURS])


def _measure(
    person: TruePerson, vertices: np.ndarray, faces: np.ndarray, model: TexturedModel, seed: int
) -> dict[str, Any]:
    import numpy as np

    from .appearance import likeness, shrink
    from .surface_metrics import align, occupancy, sample_mesh, surface_errors
    from .truth import AROUND

    rng = np.random.default_rng(seed)
    found = sample_mesh(vertices * person.centimetres, faces, _SAMPLES, rng)
    solid, true_solid = occupancy(vertices, faces, len(person.solid)), person.solid
    views = []
    for yaw, (front, back) in zip(AROUND, person.around, strict=True):
        for angle, ours, true in zip((yaw, yaw + math.pi), model.views(yaw, person.renderer.light), (front, back)):  # noqa: B905
            kind = "facing" if abs(math.sin(angle)) < 0.1 else "side" if abs(math.cos(angle)) < 0.1 else "oblique"
            views.append({"kind": kind, **likeness(ours, shrink(true.rgba))})
    return {
        "shape": surface_errors(found, person.surface),
        "aligned": surface_errors(align(found, person.surface), person.surface),
        "iou": float((solid & true_solid).sum() / (solid | true_solid).sum()),
        "views": views,
        "hygiene": _hygiene(vertices, faces, model),
    }


def _hygiene(vertices: np.ndarray, faces: np.ndarray, model: TexturedModel) -> dict[str, Any]:
    from ..geometry.hygiene import mesh_report

    report: dict[str, Any] = mesh_report(vertices, faces, self_intersections=True).to_dict()
    atlas = mesh_report(model.vertices, model.faces, model.uvs, texture_size=len(model.texture))
    report |= {"uv_overlap": atlas.uv_overlap, "background_texels": _background_texels(model.texture)}
    return {name: report[name] for name in _HYGIENE} | {"faces": report["faces"]}


def _background_texels(texture: np.ndarray) -> int:
    """How many texels hold the colour that the pictures have where nobody is (see truth.KEY): bright magenta.

    Purple and pink clothes are darker or less saturated.
    """
    red, green, blue = texture.astype("int64").transpose(2, 0, 1)
    return int(((red > 170) & (blue > 170) & (red - green > 90) & (blue - green > 90)).sum())


def _textured(textured: Any) -> TexturedModel:
    import numpy as np

    from .appearance import TexturedModel

    return TexturedModel(textured.vertices, textured.faces, textured.uvs, np.asarray(textured.image))


def _sheet(person: TruePerson, model: TexturedModel) -> Image:
    """Eight views in the order in which one walks around: the truth above, ours below."""
    import numpy as np
    from PIL import Image

    from .appearance import over_grey, shrink
    from .truth import AROUND

    true: list[Tensor] = [shrink(view.rgba) for side in (0, 1) for view in (pair[side] for pair in person.around)]
    pairs = [model.views(yaw, person.renderer.light) for yaw in AROUND]
    ours = [pair[side] for side in (0, 1) for pair in pairs]
    rows = [np.concatenate([_cropped(over_grey(view)) for view in views], axis=1) for views in (true, ours)]
    return Image.fromarray((np.concatenate(rows) * 255).round().astype(np.uint8), "RGB")


def _cropped(picture: np.ndarray) -> np.ndarray:
    quarter = picture.shape[1] // 5
    return picture[:, quarter:-quarter]


def _chain(args: argparse.Namespace, folder: Path) -> Iterator[dict[str, Any]]:
    """Generated avatars, kept for each set of models: the mesh and the seconds."""
    import numpy as np

    from ..geometry.hygiene import mesh_report
    from ..pipelines.avatar import AvatarPipeline
    from ..pipelines.weights import INDEX, sha256
    from ..protocol.request import GenerateRequest

    pipeline = None
    kept = args.out / "chain" / sha256(folder / INDEX)[:12]
    for number, prompt in enumerate(PROMPTS[: args.chain]):
        path = kept / f"{number:03d}.json"
        if not path.exists():
            pipeline = pipeline or AvatarPipeline.from_pretrained(folder, "cpu")
            request = GenerateRequest(
                prompt=prompt, seed=args.seed, triangles=args.triangles, texture_size=args.texture_size
            )
            avatar = pipeline(request)[0]
            vertices = avatar.character.posed().astype(np.float32)  # seams are split alike, so that they weld again
            report = mesh_report(
                vertices, avatar.character.faces, avatar.character.uvs, True, args.texture_size
            ).to_dict()
            avatar.turntable.save(_made(path).with_suffix(".png"))
            _write(path, {"prompt": prompt, "seconds": avatar.provenance["seconds"], "hygiene": report})
        yield json.loads(path.read_text(encoding="utf-8"))


def person_tables(records: list[dict[str, Any]]) -> str:
    """The tables of all people, as Markdown."""
    people = len({record["person"] for record in records})
    yaws = sorted({record["yaw"] for record in records})
    compared = [record for record in records if len(record["rows"]) > 1]
    groups = {OURS: (OURS, records)}
    if 0 < len(compared) < len(records):
        groups[f"{OURS}, the baselines' {len(compared)} cases"] = (OURS, compared)
    groups |= {name: (name, compared) for name in compared[0]["rows"] if name != OURS} if compared else {}
    lines = [f"{people} people x yaws {', '.join(map(str, yaws))} degrees; centimetres; means over {len(records)}", ""]
    for key, title in (("shape", "without alignment"), ("aligned", "after rigid ICP")):
        lines += [
            f"| {title} | P2S | S2P | Chamfer | normal consistency | f@0.5 cm | f@1 cm | IoU |",
            "|---|" + "---:|" * 7,
        ]
        turned = {
            f"{OURS}, turned by {yaw}": (OURS, [record for record in records if record["yaw"] == yaw]) for yaw in yaws
        }
        for label, (name, chosen) in (groups | (turned if key == "shape" and len(yaws) > 1 else {})).items():
            rows = [record["rows"][name] for record in chosen]
            cells = [f"{_mean(row[key][figure] for row in rows):.2f}" for figure in _SHAPE[:3]]
            cells += [f"{_mean(row[key][figure] for row in rows):.3f}" for figure in _SHAPE[3:]]
            iou = f"{_mean(row['iou'] for row in rows):.3f}" if key == "shape" else ""
            lines.append(f"| {label} | {' | '.join(cells)} | {iou} |")
        lines.append("")
    lines.append("| PSNR, PSNR on the person, SSIM | front and back | oblique | sides |")
    lines.append("|---|" + "---:|" * 3)
    for label, (name, chosen) in groups.items():
        cells = []
        for kind in ("facing", "oblique", "side"):
            views = [view for record in chosen for view in record["rows"][name]["views"] if view["kind"] == kind]
            means = [_mean(view[figure] for view in views) for figure in ("psnr", "psnr_person", "ssim")]
            cells.append(f"{means[0]:.1f}, {means[1]:.1f}, {means[2]:.3f}")
        lines.append(f"| {label} | {' | '.join(cells)} |")
    lines.append("")
    meshes = {label: [record["rows"][name] for record in chosen] for label, (name, chosen) in groups.items()}
    lines += _hygiene_lines(
        [(label, [(row["hygiene"], row["seconds"]) for row in rows]) for label, rows in meshes.items()]
    )
    return "\n".join(lines)


def chain_table(records: list[dict[str, Any]]) -> str:
    """The table of generated avatars, as Markdown."""
    for record in records:
        record["hygiene"].setdefault("background_texels", None)
    lines = ["", f"Generated from {len(records)} prompts:", ""]
    lines += _hygiene_lines([(OURS, [(record["hygiene"], record["seconds"]) for record in records])])
    return "\n".join(lines)


def _hygiene_lines(groups: list[tuple[str, list[tuple[dict[str, Any], dict[str, float]]]]]) -> list[str]:
    lines = [
        "| mesh | closed | components | non-manifold edges | self-intersecting faces | UV overlap | "
        "background texels | triangles | lift, s | texture, s |",
        "|---|" + "---:|" * 9,
    ]
    for name, rows in groups:
        cells = [f"{_mean(float(h['closed']) for h, _ in rows):.0%}"]
        cells += [f"{_mean(h[key] for h, _ in rows):.1f}" for key in _HYGIENE[1:4]]
        cells.append(f"{_mean(h['uv_overlap'] for h, _ in rows):.2%}")
        known = [h["background_texels"] for h, _ in rows if h["background_texels"] is not None]
        cells.append(f"{_mean(known):.1f}" if known else "")
        cells.append(f"{_mean(h['faces'] for h, _ in rows):.0f}")
        cells += [f"{_mean(s[key] for _, s in rows):.2f}" for key in ("lift", "texture")]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def _mean(values: Any) -> float:
    values = list(values)
    return sum(values) / len(values)


def _case_path(out: Path, person: int, yaw: int) -> Path:
    return out / "people" / f"{person:04d}-{yaw:03d}.json"


def _open_cache(args: argparse.Namespace, folder: Path) -> None:
    """Refuse a cache that was made with other weights or settings."""
    from ..pipelines.weights import sha256

    header = {
        "lifter": sha256(folder / "lifter" / "diffusion_pytorch_model.safetensors"),
        "seed": args.seed,
        "triangles": args.triangles,
        "texture_size": args.texture_size,
    }
    path = args.out / "geometry.json"
    if path.is_file() and json.loads(path.read_text(encoding="utf-8")) != header:
        raise DoppelError(
            "eval_other",
            f"{args.out} was measured with other weights or settings",
            "remove it, or choose another --out",
        )
    _write(path, header)


def _write(path: Path, record: dict[str, Any]) -> None:
    from rigging.atomic import write_bytes

    write_bytes(_made(path), (json.dumps(record) + "\n").encode())


def _made(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
