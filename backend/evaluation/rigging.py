"""`doppel eval rigging`: how people move whose skin is transferred from the body, beside Blender's own ways.

Each person of the test split is closed to one surface, as the lifter makes it, and rigged in its pose: by this library,
by Blender's automatic weights, and by its Data Transfer modifier. The truth is the same surface with the weights of the
garments' makers. All are taken to the rest pose with their own weights and then into the same motions.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..protocol.errors import DoppelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rigging.body_parameters import BodyParameters

    from .rig_case import RigCase

ROOT = Path(__file__).resolve().parents[2]
BLENDER = ROOT / ".venv-blender" / "bin" / "python"
MOTIONS = {"cmu/03_03": 10, "makehuman_walks/zombieWalk1": 3, "makehuman_walks/walk1": 3} | dict.fromkeys(
    ("makehuman/standing05", "makehuman/run01", "makehuman/fight01", "makehuman/sit01"), 1
)
"""Clip -> how many of its frames: twenty in all."""
STRETCH = 3.0
_SHORT = 0.002  # metres; shorter edges count as this long
_OURS, _FOUR, _DATA, _HEAT, _TRUTH = "Doppel", "Doppel, 4 influences", "Data Transfer", "bone heat", "truth"
_CHECKED = (_OURS, _TRUTH)
"""The ways whose faces are tested for cutting through others, which takes longer than all the rest."""


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    parser = subparsers.add_parser(
        "rigging", help="skin weights against the garments' own, beside Blender's", description=__doc__
    )
    parser.add_argument("--people", type=int, default=8, help="every second one in a skirt or a dress")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/eval/rigging"), help="cache; a second run goes on")
    parser.add_argument("--assets", type=Path, default=None, help="asset folder (default: $DOPPEL_ASSETS)")
    parser.add_argument("--blender", type=Path, default=BLENDER, help="a Python with bpy; without it ours alone")
    parser.add_argument("--intersections", type=int, default=1, metavar="N", help="people whose surfaces are checked")


def run(args: argparse.Namespace) -> int:
    if args.people < 1:
        raise DoppelError("eval_arguments", "--people must be positive", "see `doppel eval rigging --help`")
    assets = Path(args.assets or os.environ.get("DOPPEL_ASSETS") or "")
    if not (assets / "poses").is_dir():
        raise DoppelError("assets_missing", f"there is no asset folder at {assets}", "set DOPPEL_ASSETS to it")
    cases = _cases(assets, args.people, args.seed, args.out)
    blender = _blender(cases, args.out, args.seed, args.blender)
    motions, extremes = _poses(assets)
    rows = []
    for index, case in enumerate(cases):
        checked = index < args.intersections
        rows.append(_measure(case, blender[index] if blender else {}, motions, extremes, checked))
        errors = ", ".join(f"{name} {row['rmse']:.2f} cm" for name, row in rows[-1].items())
        print(f"person {index}: {errors}", flush=True)
    (args.out / "rigging.json").write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    return 0


def table(rows: list[dict[str, dict[str, float]]]) -> str:
    """Means over people as a Markdown table."""
    lines = [
        "| weights | RMSE, cm | 95 % below, cm | CPU seconds | edges stretched > 3x, % | faces that cut others, % |",
        "|---|---|---|---|---|---|",
    ]
    for name in rows[0]:
        cells = [name]
        for key, form in (("rmse", ".2f"), ("p95", ".2f"), ("seconds", ".2f"), ("stretched", ".3f"), ("cut", ".2f")):
            values = [row[name][key] for row in rows if key in row[name]]
            cells.append(format(sum(values) / len(values), form) if values else "")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


@dataclass(frozen=True)
class Skinned:
    """One way of skinning a person: rest vertices and weights, and what they cost."""

    rest: NDArray[np.float64]  # (V, 3)
    weights: NDArray[np.float64]  # (V, 55)
    seconds: float | None


def _cases(assets: Path, people: int, seed: int, out: Path) -> list[RigCase]:
    from .rig_case import RigCase

    out.mkdir(parents=True, exist_ok=True)
    files = [out / f"person_{seed}_{index}.npz" for index in range(people)]
    if not all(file.is_file() for file in files):
        from ..data.catalogue import Catalogue
        from ..data.scene import Wardrobe

        wardrobe = Wardrobe(Catalogue.load(assets))
        drawn = RigCase.people(wardrobe, seed)
        for file in files:
            person = next(drawn)
            if not file.is_file():
                RigCase.of(wardrobe, person).save(file)
    return [RigCase.load(file) for file in files]


def _poses(assets: Path) -> tuple[list[BodyParameters], list[BodyParameters]]:
    """Frames of motions, and the extreme poses."""
    import numpy as np

    from rigging.body_parameters import BodyParameters
    from rigging.motion.load import load_motion

    from .extreme_poses import EXTREME_POSES, extreme_pose

    motions = []
    for name, count in MOTIONS.items():
        clip = load_motion(assets / "poses" / f"{name}.bvh")
        for frame in np.linspace(0, len(clip.poses) - 1, count).round().astype(int):
            motions.append(BodyParameters.from_full_pose(clip.poses[frame]))
    return motions, [extreme_pose(name) for name in EXTREME_POSES]


def _blender(cases: list[RigCase], out: Path, seed: int, python: Path) -> list[dict[str, Any]]:
    """Weights (V, 55) and seconds of both of Blender's ways for each person; nothing where there is no Blender."""
    import numpy as np

    from rigging.body_model import BodyModel
    from rigging.joints import JOINT_NAMES

    from ..pipelines.rig import skin_of
    from .rig_case import Bones

    if not python.is_file():
        print(f"no Blender at {python}: ours alone (make test installs it)")
        return []
    model = BodyModel.load()
    faces, weights = skin_of(model)
    made = [out / f"blender_{seed}_{index}.npz" for index in range(len(cases))]
    command = [str(python), str(ROOT / "tools" / "blender_weights.py")]
    for index, (case, target) in enumerate(zip(cases, made, strict=True)):
        if target.is_file():
            continue
        body = model.pose(case.params)
        bones = Bones.of(body, model.parents)
        given = out / f"given_{seed}_{index}.npz"
        np.savez(
            given,
            vertices=case.vertices,
            faces=case.faces,
            heads=bones.heads,
            tails=bones.tails,
            parents=model.parents,
            deform=np.array(["eye" not in name for name in JOINT_NAMES]),
            body_vertices=body.vertices,
            body_faces=faces,
            body_weights=weights,
        )
        command += [str(given), str(target)]
    if len(command) > 2:
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise DoppelError("blender_failed", f"Blender failed: {done.stderr.strip().splitlines()[-1]}", str(python))
    results = []
    for path in made:
        with np.load(path, allow_pickle=False) as archive:
            results.append(dict(archive))
    return results


def _measure(
    case: RigCase,
    blender: dict[str, Any],
    motions: list[BodyParameters],
    extremes: list[BodyParameters],
    intersections: bool,
) -> dict[str, dict[str, float]]:
    """Figures of every way for one person."""
    import numpy as np

    from rigging.body_model import BodyModel
    from rigging.lbs import Influences, rigid_chain, rodrigues, skin
    from rigging.mesh_graph import unique_edges

    model = BodyModel.load()
    body = model.pose(case.params)
    ways = _ways(case, body.transforms, body.vertices, blender)
    joints = model.shaped(case.params.betas)[1]

    def transforms(poses: list[BodyParameters]) -> list[NDArray[np.float64]]:
        """Of the skeleton alone, once for all ways; where the person stands does not matter."""
        return [rigid_chain(rodrigues(pose.full_pose), joints, model.parents)[1] for pose in poses]

    moving, extreme = transforms(motions), transforms(extremes)
    truth = [skin(ways[_TRUTH].rest, Influences.of(ways[_TRUTH].weights), moved) for moved in moving]
    edges = unique_edges(case.faces)
    result: dict[str, dict[str, float]] = {}
    for name, way in ways.items():
        influences = Influences.of(way.weights)
        figures: dict[str, float] = {}
        away = np.concatenate(
            [
                np.linalg.norm(skin(way.rest, influences, moved) - where, axis=1)[case.known]
                for moved, where in zip(moving, truth, strict=True)
            ]
        )
        figures["rmse"] = 100.0 * float(np.sqrt((away**2).mean()))
        figures["p95"] = 100.0 * float(np.percentile(away, 95))
        if way.seconds is not None:
            figures["seconds"] = way.seconds
        posed = [skin(way.rest, influences, moved) for moved in extreme]
        figures |= _sanity(way.rest, posed, case.faces, edges, intersections and name in _CHECKED)
        result[name] = figures
    return result


def _ways(
    case: RigCase,
    transforms: NDArray[np.float64],
    body_vertices: NDArray[np.float64],
    blender: dict[str, Any],
) -> dict[str, Skinned]:
    import numpy as np

    from rigging.body_model import BodyModel
    from rigging.influences import fit_influences
    from rigging.unpose import unpose, unpose_mesh
    from rigging.weight_transfer import transfer_weights

    from ..pipelines.rig import skin_of

    model = BodyModel.load()
    faces, skin_weights = skin_of(model)
    start = time.process_time()  # of the processor: the wall's would measure who else is at work
    weights = transfer_weights(case.vertices, case.faces, body_vertices, faces, skin_weights)
    rest = unpose_mesh(case.vertices, case.faces, weights, transforms)
    ours = Skinned(rest.vertices, rest.weights, time.process_time() - start)
    four = fit_influences(ours.rest, ours.weights, model.shaped(case.params.betas)[1], model.parents, 4)
    ways = {_OURS: ours, _FOUR: Skinned(ours.rest, four, None)}
    for name, key in ((_DATA, "transfer"), (_HEAT, "heat")):
        if blender:
            found = _filled(np.asarray(blender[key], np.float64), case.vertices)
            ways[name] = Skinned(unpose(case.vertices, found, transforms), found, float(blender[f"{key}_seconds"]))
    ways[_TRUTH] = Skinned(unpose(case.vertices, case.weights, transforms), case.weights, None)
    return ways


def _filled(weights: NDArray[np.float64], vertices: NDArray[np.float64]) -> NDArray[np.float64]:
    """Normalised weights; vertices without any take their nearest neighbour's."""
    import numpy as np
    from scipy.spatial import cKDTree

    total = weights.sum(axis=1)
    given = np.flatnonzero(total > 1e-6)
    if len(given) == 0:
        raise DoppelError("blender_failed", "Blender found no weights for a person", "see the figures of the others")
    nearest = given[cKDTree(vertices[given]).query(vertices)[1]]
    return weights[nearest] / total[nearest, None]


def _sanity(
    rest: NDArray[np.float64],
    posed: list[NDArray[np.float64]],
    faces: NDArray[np.int64],
    edges: NDArray[np.int64],
    intersections: bool,
) -> dict[str, float]:
    """Percent of edges that the poses stretch, and of faces that cut through others only when posed."""
    import numpy as np

    from rigging.mesh_graph import edge_lengths

    from ..geometry.hygiene import self_intersecting_faces

    lengths = np.maximum(edge_lengths(rest, edges), _SHORT)
    figures = {
        "stretched": 100.0 * float(np.mean([(edge_lengths(p, edges) / lengths > STRETCH).mean() for p in posed]))
    }
    if intersections:
        before = len(self_intersecting_faces(rest, faces))
        cuts = [max(len(self_intersecting_faces(p, faces)) - before, 0) / len(faces) for p in posed]
        figures["cut"] = 100.0 * float(np.mean(cuts))
    return figures
