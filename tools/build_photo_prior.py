"""Make backend/photo/prior.npz: what fitting a body to a photo knows beforehand.

    DOPPEL_ASSETS=... python tools/build_photo_prior.py --people data/train

- Body poses: a Gaussian mixture over the 21 joints' rotation vectors, by expectation maximisation, from the motion
  capture and posed figures below $DOPPEL_ASSETS/poses, their mirror images, and the A-poses of the data factory.
- Where the pose network puts its landmarks on the body, as offsets from joints, and how far it errs: by least squares
  over people of the factory, whose bodies are known. Their pictures are fronts; across the picture's depth the offsets
  stay where the body's own vertices put them.
"""

from __future__ import annotations

import argparse
import io
import os
import sys
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from backend.data.dataset import people, read_sample  # noqa: E402
from backend.data.poses import mirror_pose, pose_bank, pose_limits, sample_a_pose  # noqa: E402
from backend.photo.landmarks import BODY_LANDMARKS, OTHER_SIDE, find_people, with_details  # noqa: E402
from backend.photo.networks import shared_networks  # noqa: E402
from backend.protocol.errors import DoppelError  # noqa: E402
from rigging.atomic import write_bytes  # noqa: E402
from rigging.body_model import OPEN_BODY_PATH, BodyModel  # noqa: E402
from rigging.joints import JOINT_INDEX  # noqa: E402
from rigging.parts import PART_INDEX  # noqa: E402

TARGET = ROOT / "backend" / "photo" / "prior.npz"
COMPONENTS = 6
LEAST_DEVIATION = np.radians(9.0)
"""Of a rotation vector's component within one kind of pose: the files hold few of the poses that people take."""
TRUST = 0.03
"""Metres that a landmark may be expected to lie from where the body's vertices put it."""

# Landmark of one side -> (joint that it lies at, joint that it moves with).
_SIDED = {
    "shoulder": ("shoulder", "collar"), "elbow": ("elbow", "shoulder"), "wrist": ("wrist", "elbow"),
    "pinky": ("pinky1", "wrist"), "index": ("index1", "wrist"), "thumb": ("thumb2", "wrist"),
    "hip": ("hip", None), "knee": ("knee", "hip"), "ankle": ("ankle", "knee"),
    "heel": ("ankle", "ankle"), "foot_index": ("foot", "ankle"),
}  # fmt: skip


def attachments() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Joint that each of the 33 landmarks lies at, joint whose turns it follows, and its offset by the mesh (33, 3)."""
    model = BodyModel.load()
    rest = model.pose()
    head = JOINT_INDEX["head"]
    at, frame, offset = np.full(33, head), np.full(33, head), np.zeros((33, 3))
    with np.load(OPEN_BODY_PATH) as archive:
        corners = model.faces[archive["lmk_faces_idx"]]
        face = np.einsum("lc,lck->lk", archive["lmk_bary_coords"], rest.vertices[corners])
    assert model.part_ids is not None
    skull = rest.vertices[model.part_ids == PART_INDEX["head"]]
    points = {
        "nose": face[13], "right_eye_outer": face[19], "right_eye_inner": face[22], "left_eye_inner": face[25],
        "left_eye_outer": face[28], "right_eye": face[19:25].mean(0), "left_eye": face[25:31].mean(0),
        "mouth_right": face[31], "mouth_left": face[37],
        "left_ear": skull[skull[:, 0].argmax()], "right_ear": skull[skull[:, 0].argmin()],
    }  # fmt: skip
    for side in ("left", "right"):
        foot = rest.vertices[model.part_ids == PART_INDEX[f"{side}_foot"]]
        points[f"{side}_heel"], points[f"{side}_foot_index"] = foot[foot[:, 2].argmin()], foot[foot[:, 2].argmax()]
    for index, name in enumerate(BODY_LANDMARKS):
        side, _, part = name.partition("_")
        if part in _SIDED:
            joint, mover = _SIDED[part]
            at[index] = JOINT_INDEX[f"{side}_{joint}"]
            frame[index] = JOINT_INDEX[f"{side}_{mover}"] if mover else JOINT_INDEX["pelvis"]
        if name in points:
            offset[index] = points[name] - rest.rest_joints[at[index]]
    return at, frame, offset


def calibrate(folder: Path, count: int) -> dict[str, np.ndarray]:
    """The landmarks' offsets (33, 3), and the network's errors in the picture (33,) and in depth (33, 3), metres."""
    at, frame, expected = attachments()
    model, networks = BodyModel.load(), shared_networks()
    rows, seen, world = [], [], []
    for path in people(folder)[:count]:
        sample = read_sample(path)
        rgba = sample.front.permute(1, 2, 0).numpy().astype(np.float32) / 255
        shade = 0.35 + 0.4 * (path.stem.encode()[-1] % 3) / 2  # against dark, middle and bright
        rgb = rgba[..., :3] * rgba[..., 3:] + shade * (1 - rgba[..., 3:])
        try:
            picture = (rgb * 255).astype(np.uint8)
            person = with_details(picture, find_people(picture, networks)[0], networks)
        except DoppelError:
            continue
        posed = model.pose(sample.body)
        size = len(rgb)
        view = np.column_stack([person.points[:, 0] / size * 2 - 1, 1 - person.points[:, 1] / size * 2, np.zeros(33)])
        seen.append(sample.frame.to_world(view)[:, :2])
        rows.append((posed.joints[at], posed.transforms[frame, :3, :3]))
        world.append(person.world)
    joints, turns = np.stack([r[0] for r in rows]), np.stack([r[1] for r in rows])
    target = np.stack(seen)
    offset = expected.copy()
    for k in range(33):
        keep = np.ones(len(target), bool)
        for _ in range(4):  # leave out what the network saw wrongly
            system = np.concatenate(
                [turns[keep, k, :2].reshape(-1, 3) / 0.02, np.eye(3) * (len(target) ** 0.5) / TRUST]
            )
            right = np.concatenate(
                [(target - joints[:, :, :2])[keep, k].reshape(-1) / 0.02, expected[k] * len(target) ** 0.5 / TRUST]
            )
            offset[k] = np.linalg.lstsq(system, right, rcond=None)[0]
            error = np.linalg.norm(joints[:, k, :2] + turns[:, k, :2] @ offset[k] - target[:, k], axis=1)
            keep = error < max(3 * np.median(error), 0.02)
    offset = (offset + offset[OTHER_SIDE] * (-1, 1, 1)) / 2
    points = joints + np.einsum("nkij,kj->nki", turns, offset)
    flat = np.linalg.norm(points[..., :2] - target, axis=2)
    hips = [BODY_LANDMARKS.index("left_hip"), BODY_LANDMARKS.index("right_hip")]
    truth = points - points[:, hips].mean(1, keepdims=True)
    guess = np.stack(world) - np.stack(world)[:, hips].mean(1, keepdims=True)
    guess *= ((truth * guess).sum((1, 2)) / (guess**2).sum((1, 2)))[:, None, None]
    deep = np.abs(truth - guess)
    print(f"{len(rows)} people; median error in the picture {np.median(flat) * 100:.1f} cm, "
          f"of world points x {np.median(deep[..., 0]) * 100:.1f}, y {np.median(deep[..., 1]) * 100:.1f}, "
          f"z {np.median(deep[..., 2]) * 100:.1f} cm")  # fmt: skip
    for k, name in enumerate(BODY_LANDMARKS):
        print(f"{name:18} {np.round(expected[k], 3)} -> {np.round(offset[k], 3)}  {np.median(flat[:, k]) * 100:.1f} cm")
    return {
        "landmark_joint": at.astype(np.int16),
        "landmark_frame": frame.astype(np.int16),
        "landmark_offset": offset.astype(np.float32),
        "landmark_deviation": np.clip(np.median(flat, axis=0) * 1.2, 0.008, 0.06).astype(np.float32),
    }


def mixture(assets: Path) -> dict[str, np.ndarray]:
    """Means, precision factors and weights of the Gaussian mixture over (63,) rotation vectors."""
    rng = np.random.default_rng(0)
    bank = pose_bank(assets)[0].of_split(False)
    clips = [name.partition(":")[0] for name in bank.names]
    poses, share = [], []
    for pose, clip in zip(bank.poses, clips, strict=True):
        for each in (pose, mirror_pose(pose)):
            poses.append(each.reshape(-1))
            share.append(1 / clips.count(clip))
    standing = [sample_a_pose(rng).reshape(-1) for _ in range(80)]
    data = np.array(poses + standing)
    weight = np.array(share + [sum(share) / len(standing)] * len(standing))  # A-poses are half of it
    weight /= weight.sum()
    means = data[rng.choice(len(data), COMPONENTS, replace=False, p=weight)]
    floor = np.eye(63) * LEAST_DEVIATION**2
    covariances = np.stack([np.cov(data.T, aweights=weight) + floor] * COMPONENTS)
    prior = np.full(COMPONENTS, 1 / COMPONENTS)
    for _ in range(60):
        log = np.log(prior) + np.stack(
            [_log_density(data, m, c) for m, c in zip(means, covariances, strict=True)], axis=1
        )
        likelihood = np.logaddexp.reduce(log, axis=1)
        part = np.exp(log - likelihood[:, None]) * weight[:, None]
        prior = np.maximum(part.sum(0), 1e-6)
        means = part.T @ data / prior[:, None]
        covariances = np.stack(
            [
                ((part[:, k, None] * (data - means[k])).T @ (data - means[k])) / prior[k] + floor
                for k in range(COMPONENTS)
            ]
        )
        prior /= prior.sum()
    print(f"{len(bank.poses)} poses; log density {float(weight @ likelihood):.1f}; weights {np.round(prior, 2)}")
    factors = np.stack([np.linalg.cholesky(np.linalg.inv(c)).T for c in covariances])  # |factor (x - mean)|^2
    rows, columns = np.triu_indices(63)
    low, high = pose_limits()
    return {
        "mixture_mean": means.astype(np.float32),
        "mixture_factor": factors[:, rows, columns].astype(np.float16),
        "mixture_offset": (-np.log(prior) - np.log(np.abs(np.diagonal(factors, 0, 1, 2))).sum(1)).astype(np.float32),
        "limit_low": low.astype(np.float32),
        "limit_high": high.astype(np.float32),
    }


def _log_density(data: np.ndarray, mean: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    factor = np.linalg.cholesky(covariance)
    scaled = np.linalg.solve(factor, (data - mean).T)
    return -0.5 * (scaled**2).sum(0) - np.log(np.diagonal(factor)).sum() - 0.5 * data.shape[1] * np.log(2 * np.pi)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=Path, required=True, help="a dataset of `doppel data make`")
    parser.add_argument("--count", type=int, default=100)
    parser.add_argument("--assets", type=Path, default=os.environ.get("DOPPEL_ASSETS"))
    args = parser.parse_args()
    if args.assets is None:
        parser.error("set DOPPEL_ASSETS or give --assets")
    arrays = {**mixture(Path(args.assets)), **calibrate(args.people, args.count)}
    stream = io.BytesIO()
    np.savez_compressed(stream, **arrays)
    write_bytes(TARGET, stream.getvalue())
    print(f"{TARGET}: {len(stream.getvalue())} bytes")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
