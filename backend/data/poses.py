"""Body poses for training: motion capture and posed figures on SMPL-X's joints, and an A-pose family."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from rigging.body_model import BodyModel
from rigging.body_parameters import BodyParameters
from rigging.joints import BODY_JOINT_NAMES, JOINT_INDEX, MIRROR
from rigging.limbs import LEFT_ARM, LEFT_LEG, RIGHT_ARM, RIGHT_LEG, TRUNK, limb_labels
from rigging.motion.errors import MotionError
from rigging.motion.retarget import clip_of_bvh
from rigging.motion.source_rigs import SIDES
from rigging.normals import vertex_normals

from .catalogue import split_names
from .mhclo import AssetError

Float = NDArray[np.float64]

_LARGEST_INTERPENETRATION = 0.04  # share of a limb's vertices
_FARTHEST_CLAMP = np.radians(35)
# Noise is smaller where it would move the whole body, and none bends knees and elbows sideways.
_NOISE = np.array([(0.2, 1.0, 0.2) if n.endswith(("elbow", "knee")) else (0.6,) * 3 if "spine" in n or "hip" in n
                   else (0.0,) * 3 if n.endswith("foot") else (1.0,) * 3 for n in BODY_JOINT_NAMES[1:]])  # fmt: skip

# Anatomical limits of the left side, degrees: least and greatest x, y, z of the rotation vector. The right side
# mirrors them. Rounded outwards from the ranges of motion in A. I. Kapandji, "The Physiology of the Joints".
_LIMITS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "hip": ((-120, 35), (-45, 45), (-30, 60)),
    "knee": ((-5, 145), (-20, 20), (-15, 15)),
    "ankle": ((-35, 50), (-30, 30), (-25, 25)),
    "foot": ((-40, 40), (-5, 5), (-5, 5)),
    "spine1": ((-25, 45), (-25, 25), (-20, 20)),
    "spine2": ((-20, 35), (-25, 25), (-20, 20)),
    "spine3": ((-20, 30), (-25, 25), (-20, 20)),
    "neck": ((-35, 35), (-40, 40), (-25, 25)),
    "head": ((-30, 30), (-40, 40), (-25, 25)),
    "collar": ((-15, 15), (-25, 25), (-20, 40)),
    "shoulder": ((-90, 90), (-130, 60), (-95, 100)),
    "elbow": ((-90, 90), (-150, 5), (-45, 45)),
    "wrist": ((-45, 45), (-45, 45), (-80, 80)),
}


@cache
def pose_limits() -> tuple[Float, Float]:
    """Least and greatest rotation vectors (21, 3) of the body joints, radians."""
    low, high = np.zeros((21, 3)), np.zeros((21, 3))
    for joint, name in enumerate(BODY_JOINT_NAMES[1:]):
        side, _, stem = name.rpartition("_")
        limits = np.radians(_LIMITS[stem]).T  # (2, 3)
        if side == "right":  # mirrored in x = 0: y and z change sign, so their ends swap
            limits = limits * (1, 0, 0) - limits[::-1] * (0, 1, 1)
        low[joint], high[joint] = limits
    return low, high


def clamp_pose(pose: Float) -> Float:
    """The pose (21, 3) with every joint brought within its limits."""
    return np.clip(pose, *pose_limits())


@cache
def _self_contact_parts() -> tuple[BodyModel, dict[str, NDArray[np.int64]]]:
    """The body, and the vertices of trunk, forearms with hands, and lower legs."""
    body = BodyModel.load()
    limb = limb_labels(body.weights)
    joint = body.weights.argmax(axis=1)
    upper = [JOINT_INDEX[f"{s}_{j}"] for s in SIDES for j in ("shoulder", "collar", "hip")]
    limbs = {"left_arm": LEFT_ARM, "right_arm": RIGHT_ARM, "left_leg": LEFT_LEG, "right_leg": RIGHT_LEG}
    parts = {name: (limb == number) & ~np.isin(joint, upper) for name, number in limbs.items()}
    parts["trunk"] = limb == TRUNK
    return body, {name: np.flatnonzero(mask) for name, mask in parts.items()}


def interpenetration(pose: Float, betas: NDArray[np.floating] | None = None, depth: float = 0.02) -> float:
    """How much of a forearm with its hand, or of a lower leg, lies deeper than `depth` metres in another part.

    The share of its vertices, for the limb where it is largest, told by the nearest vertex and its normal.
    pose: (21, 3); betas: (10,), None = the mean body.
    """
    body, parts = _self_contact_parts()
    shape = np.zeros(10) if betas is None else np.asarray(betas)
    vertices = body.pose(BodyParameters(betas=shape, body_pose=pose)).vertices
    normals = vertex_normals(vertices, body.faces)
    worst = 0.0
    for first, second in (
        ("left_arm", "trunk"), ("right_arm", "trunk"), ("left_arm", "right_arm"),
        ("left_leg", "right_leg"), ("right_leg", "left_leg"),
    ):  # fmt: skip
        points, other = vertices[parts[first][::4]], parts[second]
        distance, nearest = cKDTree(vertices[other]).query(points)
        ids = other[nearest]
        height = np.einsum("nk,nk->n", points - vertices[ids], normals[ids])
        worst = max(worst, float(((height < -depth) & (distance < 0.15)).mean()))
    return worst


@dataclass(frozen=True)
class PoseBank:
    """Everyday poses of the body joints."""

    poses: Float  # (P, 21, 3)
    names: tuple[str, ...]  # file, and frame where it has several
    words: tuple[str, ...]  # "walking", "standing", ...
    held_out: NDArray[np.bool_]  # (P,)

    def of_split(self, held_out: bool) -> PoseBank:
        rows = np.flatnonzero(self.held_out == held_out)
        return PoseBank(
            self.poses[rows],
            tuple(self.names[r] for r in rows),
            tuple(self.words[r] for r in rows),
            self.held_out[rows],
        )


# Folder/file stem -> what it shows, and every how many frames a pose is taken. Handstand, flights, splits, high kick
# and sitting on the ground are not among them: clothes that only follow the skin tear there. Nor is cmu/02_02: it is
# the walk of cmu/03_03, which the test split keeps.
_CLIPS = {
    "makehuman/standing01": ("standing", 1),
    "makehuman/standing02": ("standing", 1),
    "makehuman/standing03": ("standing", 1),
    "makehuman/standing05": ("standing with one arm raised", 1),
    "makehuman/standing06": ("standing with one foot raised", 1),
    "makehuman/run01": ("running", 1),
    "makehuman/fight01": ("lunging", 1),
    "makehuman_walks/walk1": ("walking", 2),
    "makehuman_walks/zombieWalk1": ("walking with stretched arms", 4),
    "cmu/03_03": ("walking", 24),
}


def pose_bank(assets: Path | str) -> tuple[PoseBank, list[tuple[str, str]]]:
    """The usable poses below `assets`/poses, and (name, reason) of those left out."""
    root = Path(assets) / "poses"
    if not root.is_dir():
        raise AssetError(root, "there is no such folder")
    held_out = split_names("poses")
    poses, names, words, dropped = [], [], [], []
    for clip, (word, step) in _CLIPS.items():
        path = root / f"{clip}.bvh"
        try:
            frames = clip_of_bvh(path).poses[:, 1 : len(BODY_JOINT_NAMES)]
        except MotionError as error:
            dropped.append((clip, error.problem))
            continue
        for frame in range(step // 2, len(frames), step):  # motion capture begins with a T-pose
            name = clip if len(frames) == 1 else f"{clip}:{frame}"
            pose = clamp_pose(frames[frame])
            if np.abs(pose - frames[frame]).max() > _FARTHEST_CLAMP:
                dropped.append((name, "far beyond the joints' limits"))
                continue
            share = interpenetration(pose)
            if share > _LARGEST_INTERPENETRATION:
                dropped.append((name, f"{share:.0%} of a limb lies inside another part"))
                continue
            poses.append(pose)
            names.append(name)
            words.append(word)
    mask = np.array([name.partition(":")[0] in held_out for name in names], dtype=bool)
    return PoseBank(np.asarray(poses).reshape(-1, 21, 3), tuple(names), tuple(words), mask), dropped


@dataclass(frozen=True)
class PoseSample:
    body_pose: Float  # (21, 3)
    left_hand_pose: Float  # (15, 3) about the flat hand
    right_hand_pose: Float  # (15, 3)
    name: str  # "a-pose", or the name in the bank
    word: str


def sample_pose(
    rng: np.random.Generator,
    bank: PoseBank | None = None,
    everyday: float = 0.25,
    betas: NDArray[np.floating] | None = None,
) -> PoseSample:
    """A pose for training: of the A-pose family, or with the probability `everyday` one of the bank's with noise.

    Every clip of the bank is equally likely, and so is its mirror image. betas: (10,) the body on which arms and
    legs must not run into each other; an A-pose is taken where they always would.
    """
    left, right = _relaxed_hands(rng)
    if bank is None or not len(bank.poses) or rng.random() >= everyday:
        return PoseSample(sample_a_pose(rng), left, right, "a-pose", "standing")
    clips = [name.partition(":")[0] for name in bank.names]
    clip = rng.choice(sorted(set(clips)))
    row = int(rng.choice([r for r, c in enumerate(clips) if c == clip]))
    pose = mirror_pose(bank.poses[row]) if rng.random() < 0.5 else bank.poses[row]
    for degrees in (5.0, 3.0, 1.5):
        noisy = clamp_pose(pose + np.radians(rng.normal(0.0, degrees, pose.shape)) * _NOISE)
        if interpenetration(noisy, betas) <= _LARGEST_INTERPENETRATION:
            return PoseSample(noisy, left, right, bank.names[row], bank.words[row])
    return PoseSample(sample_a_pose(rng), left, right, "a-pose", "standing")


def sample_a_pose(rng: np.random.Generator) -> Float:
    """(21, 3) standing upright: arms 10 to 70 degrees below the horizontal, legs up to 12 degrees out, some noise."""
    pose = {name: np.zeros(3) for name in BODY_JOINT_NAMES[1:]}
    arms, legs = rng.uniform(14, 66), rng.uniform(0, 10)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        mirror = np.array([1.0, sign, sign])
        arm = np.clip(arms + rng.normal(0, 2.5), 10, 70)
        collar = 0.12 * arm
        leg = max(legs + rng.normal(0, 1.0), 0.0)
        knee, swing, bend = abs(rng.normal(0, 3)), rng.normal(0, 2.5), rng.gamma(2.0, 6.0)
        pose[f"{side}_collar"] = mirror * (0, rng.normal(0, 2), -collar)
        pose[f"{side}_shoulder"] = mirror * (rng.normal(0, 8), rng.normal(-2, 6), collar - arm)
        pose[f"{side}_elbow"] = mirror * (rng.normal(0, 5), -min(bend, 40.0), 0)
        pose[f"{side}_wrist"] = mirror * rng.normal(0, 5, 3)
        pose[f"{side}_hip"] = mirror * (swing - 0.5 * knee, rng.normal(3, 4), leg)
        pose[f"{side}_knee"] = mirror * (knee, 0, 0)
        pose[f"{side}_ankle"] = mirror * (-swing - 0.5 * knee, 0, -leg)
    for name in ("spine1", "spine2", "spine3"):
        pose[name] = rng.normal(0, (1.5, 2.5, 1.0))
    pose["neck"] = rng.normal(0, (3, 4, 2))
    pose["head"] = rng.normal(0, (5, 8, 3))
    return clamp_pose(np.radians(np.stack([pose[name] for name in BODY_JOINT_NAMES[1:]])))


def mirror_pose(pose: Float) -> Float:
    """The pose (21, 3) with left and right exchanged."""
    return pose[MIRROR[1:22] - 1] * (1.0, -1.0, -1.0)


def _relaxed_hands(rng: np.random.Generator) -> tuple[Float, Float]:
    """Fingers curled between nearly flat and loosely closed, each hand (15, 3)."""
    relaxed = BodyParameters.a_pose()
    return relaxed.left_hand_pose * rng.uniform(0.2, 1.9), relaxed.right_hand_pose * rng.uniform(0.2, 1.9)
