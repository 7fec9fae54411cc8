"""A posed body for a person in a photo: shape, pose, hands and a weak-perspective camera, by optimisation.

In the line of SMPLify (Bogo et al. 2016) and SMPLify-X (Pavlakos et al. 2019): landmarks in the picture, robustly; the
pose network's world points as a hint at depth; a mixture of Gaussians over poses, limits of joints, a shape prior; and
the outline, by the distance transform of the cut-out. Several starts run as one batch, the best goes on.

What no landmark shows stays at the A-pose, the product's default, and says so by a confidence of 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt
from torch import Tensor
from torch.nn import functional

from rigging.body_model import BodyModel
from rigging.body_parameters import MAX_BETA, BodyParameters
from rigging.joints import JOINT_INDEX, JOINT_NAMES, NUM_JOINTS
from rigging.parts import PART_INDEX
from rigging.rotations import axis_angle

from .body import TorchBody, rodrigues
from .landmarks import LANDMARK, Person
from .prior import Prior, load_prior
from .world import WorldPoints, load_world_points, locate

Float = NDArray[np.float64]

COARSE_STEPS, FINE_STEPS, HAND_STEPS = 90, 110, 60
SEEN = 0.5
"""Visibility from which a landmark counts as seen."""

_SURFACE = 500  # vertices of the outline terms
_ROBUST_COARSE, _ROBUST_FINE = 25.0, 8.0  # deviations beyond which a landmark pulls less and less
HEIGHT = 1.7  # metres, of errors told as a share of a person
_LEAST_DEVIATION = 0.012  # metres; real people and cameras differ more than the factory's
_LEAST_STRAY = 0.02  # metres that a landmark's place in space may always err
_ROBUST_DEPTH = 2.0
_ASTRAY = 0.1  # metres by which a landmark in the picture misses its place in space when it counts half
_PRIOR, _LIMITS, _SHAPE, _NEUTRAL, _DEPTH = 1.0, 60.0, 0.8, 25.0, 2.0
_UPRIGHT, _TILT = 6.0, 0.2  # weight, and radians that pelvis and camera usually lean
_OUTSIDE, _COVER = 1.5, 0.5  # weights of the outline
_HAND_ORDER = ("thumb", "index", "middle", "ring", "pinky")

# The landmark that tells of a joint's rotation: the next one down the limb.
_WITNESS = {
    "hip": "knee", "knee": "ankle", "ankle": "foot_index", "foot": "foot_index",
    "collar": "shoulder", "shoulder": "elbow", "elbow": "wrist", "wrist": "index",
}  # fmt: skip


@dataclass(frozen=True)
class WeakPerspective:
    """Pixels of a point (x, y, z): u = x0 + scale * x, v = y0 - scale * y."""

    scale: float  # pixels a metre
    x0: float
    y0: float

    def to_pixels(self, points: Any) -> Any:
        """Points (..., 3) in metres, y up, to pixels (..., 2), y down; numpy or torch."""
        if isinstance(points, np.ndarray):
            return points[..., :2] * (self.scale, -self.scale) + (self.x0, self.y0)
        return points[..., :2] * points.new_tensor([self.scale, -self.scale]) + points.new_tensor([self.x0, self.y0])

    def to_dict(self) -> dict[str, float]:
        return {"scale": self.scale, "x0": self.x0, "y0": self.y0}


@dataclass(frozen=True)
class BodyFit:
    """A body in the camera's frame: x right, y up, z towards the camera."""

    parameters: BodyParameters  # transl is zero: the camera holds the place
    camera: WeakPerspective
    confidence: Float  # (55,) of each joint's rotation, in [0, 1]; 0 = not seen, at the A-pose
    error: float  # median distance of seen landmarks, share of the person's size in the picture


class BodyFitter:
    """Fits one body model to people. Keep it: it chooses the model's vertices once.

    Args:
        model: the body to fit.
        prior: what is known beforehand (default: what ships).
        world_points: corrects the pose network's points in space (default: what ships).
    """

    def __init__(self, model: BodyModel, prior: Prior | None = None, world_points: WorldPoints | None = None) -> None:
        self.prior = prior or load_prior()
        self.world_points = world_points or load_world_points()
        self.rows, tips = _surface(model)
        self.body = TorchBody(model, torch.cat([self.rows, tips]))

    def __call__(
        self,
        person: Person,
        alpha: NDArray[np.float32],
        betas: NDArray[np.floating] | None = None,
        check: Callable[[], None] | None = None,
    ) -> BodyFit:
        """Fit a person.

        Args:
            person: landmarks.
            alpha: (H, W) the person's cut-out in [0, 1].
            betas: (10,) the shape that is expected; None is the mean body.
            check: called now and then; raises to stop.
        """
        problem = _Problem(self, person, alpha, betas)
        state = problem.descend(problem.start(), COARSE_STEPS, 0.06, outline=False, check=check)
        with torch.no_grad():
            best = int(problem.energy(state, outline=True).argmin())
        state = state.only(best)
        state = problem.descend(state, FINE_STEPS, 0.03, outline=True, check=check)
        if person.hands:
            state = problem.descend_hands(state, HAND_STEPS, 0.06)
        return problem.result(state)

    def camera_of(self, person: Person, body: BodyParameters, behind: bool = False) -> BodyFit:
        """The camera, by least squares over the landmarks, that sees a given body as the person is seen.

        With ``behind`` it is the body after half a turn about the vertical, where (x, y, z) is at (-x, y, -z).
        """
        way = -1 if behind else 1
        marks = self.landmarks_of(body)
        weight = np.where(person.visibility > SEEN, person.visibility, 0)[:, None] + 1e-6
        weight = weight / weight.sum()
        ours, theirs = marks[:, :2] * (way, -1), person.points
        a, b = ours - (weight * ours).sum(0), theirs - (weight * theirs).sum(0)
        scale = float((weight * a * b).sum() / max(float((weight * a * a).sum()), 1e-9))
        scale = max(scale, 1e-3)
        x0, y0 = (weight * (theirs - scale * ours)).sum(0).tolist()
        camera = WeakPerspective(scale, x0 - way * scale * body.transl[0], y0 + scale * body.transl[1])
        error = np.linalg.norm(scale * a - b, axis=1)[person.visibility > SEEN] / scale / HEIGHT
        return BodyFit(body.copy(), camera, _confidence(person), float(np.median(error)) if len(error) else 1.0)

    def landmarks_of(self, body: BodyParameters) -> Float:
        """Where a body without its translation has the 33 landmarks, (33, 3) metres."""
        with torch.no_grad():
            rotations = rodrigues(torch.from_numpy(body.full_pose).float())[None]
            joints, turned, _ = self.body.joints(torch.from_numpy(body.betas).float()[None], rotations)
            return self.prior.landmarks(joints, turned)[0].double().numpy()


@dataclass
class _State:
    """What is optimised, for a batch of B starts."""

    betas: Tensor  # [B, 10]
    orient: Tensor  # [B, 3] rotation vector after `base`
    base: Tensor  # [B, 3, 3] fixed start of the global rotation
    pose: Tensor  # [B, 21, 3]
    hands: Tensor  # [B, 30, 3]
    place: Tensor  # [B, 3] log scale and shift in the problem's units

    def only(self, index: int) -> _State:
        """One of the starts, as a batch of one."""
        every = (self.betas, self.orient, self.base, self.pose, self.hands, self.place)
        return _State(*(value[index : index + 1].clone() for value in every))


class _Problem:
    """One person. Lengths are metres of a body seen at the first guess of the scale."""

    def __init__(
        self, fitter: BodyFitter, person: Person, alpha: NDArray[np.float32], betas: NDArray[np.floating] | None
    ) -> None:
        self.person, self.prior, self.body, self.rows = person, fitter.prior, fitter.body, fitter.rows
        self.usual = torch.as_tensor(np.zeros(10) if betas is None else betas, dtype=torch.float32)
        neutral = torch.from_numpy(BodyParameters.a_pose().full_pose).float()
        self.neutral, self.relaxed = neutral[1:22], neutral[25:]

        world = torch.from_numpy(person.world).float()
        flat = torch.from_numpy(person.points).float()
        self.sure = torch.from_numpy(person.visibility).float()
        self.sure = torch.where(self.sure > 0.3, self.sure, torch.zeros(()))
        self.scale = _first_scale(world, flat, self.sure)
        self.centre = flat[[LANDMARK["left_hip"], LANDMARK["right_hip"]]].mean(0)
        self.points = (flat - self.centre) / self.scale * flat.new_tensor([1, -1])  # [33, 2] metres, y up
        self.world, self.stray = locate(person, fitter.world_points)
        self.sure_flat = self.sure * _borne_out(self.points, self.world[:, :2], self.sure)
        self.seen = torch.from_numpy(_confidence(person)).float()  # [55]
        self.outline, self.distance, self.frame = self._outline(alpha)

    def _outline(self, alpha: NDArray[np.float32]) -> tuple[Tensor, Tensor, tuple[int, int]]:
        """Points (n, 2) of the cut-out's border that the picture's edge does not make, and the distance (1, 1, h, w) to
        the cut-out; both in metres. The picture is reduced to about 200 pixels."""
        step = max(1, round(max(alpha.shape) / 200))
        solid = alpha[::step, ::step] > 0.5
        inner = solid & ~_eroded(solid)
        inner[[0, -1]] = False
        inner[:, [0, -1]] = False
        v, u = np.nonzero(inner)
        chosen = np.linspace(0, len(u) - 1, min(len(u), 260)).astype(int) if len(u) else np.zeros(0, int)
        pixels = torch.from_numpy(np.stack([u[chosen], v[chosen]], axis=1) * step + step / 2).float()
        border = (pixels - self.centre) / self.scale * pixels.new_tensor([1, -1])
        away = distance_transform_edt(~solid) if solid.any() else np.zeros(solid.shape)
        metres = torch.from_numpy(away * step / self.scale).float()[None, None]
        return border, metres, (alpha.shape[0], alpha.shape[1])

    def start(self) -> _State:
        """Starts that differ in how the body is turned and posed; the camera sees each as well as it can."""
        facing = torch.from_numpy(_torso_rotation(self.world)).float()
        base = torch.stack([facing, facing, torch.eye(3)])
        pose = torch.stack([self.neutral, self.prior.means[0].view(21, 3), self.neutral])
        state = _State(
            betas=self.usual.expand(len(base), -1).clone(),
            orient=torch.zeros(len(base), 3),
            base=base,
            pose=pose,
            hands=self.relaxed.expand(len(base), -1, -1).clone(),
            place=torch.zeros(len(base), 3),
        )
        marks = self.prior.landmarks(*self._pose(state)[:2])[..., :2]
        weight = (self.sure / self.sure.sum().clamp_min(1e-6)).view(-1, 1)
        middle, target = (weight * marks).sum(1), (weight * self.points).sum(0)
        ours, theirs = marks - middle.unsqueeze(1), self.points - target
        grow = (weight * theirs.square()).sum().sqrt() / (weight * ours.square()).sum((1, 2)).sqrt().clamp_min(1e-3)
        state.place[:, 0] = grow.log()
        state.place[:, 1:] = target - grow.unsqueeze(1) * middle
        return state

    def descend(
        self, state: _State, steps: int, rate: float, outline: bool, check: Callable[[], None] | None = None
    ) -> _State:
        """Adam on everything but the hands, the rate falling along a cosine."""
        free = [state.betas, state.orient, state.pose, state.place]
        return self._adam(state, free, steps, rate, lambda: self.energy(state, outline), check)

    def descend_hands(self, state: _State, steps: int, rate: float) -> _State:
        """Adam on fingers and wrists alone, by the hands' own landmarks; the arms stay where the body put them."""
        targets = self._hand_targets()
        arms, before = state.pose[:, :-2], state.pose[:, -2:]
        wrists = before.clone()

        def energy() -> Tensor:
            moved = replace(state, pose=torch.cat([arms, wrists], dim=1))
            joints, turned, rest = self._pose(moved)
            apart = self._seen_from(moved, self._hand_points(moved, joints, turned, rest)) - targets
            flat = (apart.square().sum(-1) / 0.01**2 + 1).log().sum(1)
            stray = (state.hands - self.relaxed).square().sum((1, 2)) * 4
            return flat + stray + 10 * (wrists - before).square().sum((1, 2))

        self._adam(state, [state.hands, wrists], steps, rate, energy, None)
        return replace(state, pose=torch.cat([arms, wrists], dim=1))

    def _adam(
        self,
        state: _State,
        free: list[Tensor],
        steps: int,
        rate: float,
        energy: Callable[[], Tensor],
        check: Callable[[], None] | None,
    ) -> _State:
        for tensor in free:
            tensor.requires_grad_()
        optimiser = torch.optim.Adam(free, lr=rate, betas=(0.9, 0.98))
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, rate / 20)
        for step in range(steps):
            if check is not None and step % 20 == 0:
                check()
            optimiser.zero_grad(set_to_none=True)
            energy().sum().backward()
            optimiser.step()
            schedule.step()
        for tensor in free:
            tensor.requires_grad_(False)
        return state

    def energy(self, state: _State, outline: bool) -> Tensor:
        """Energy (B,) of each start."""
        joints, turned, rest = self._pose(state)
        marks = self.prior.landmarks(joints, turned)
        apart = (self._seen_from(state, marks) - self.points).norm(dim=-1) / self.prior.landmark_deviation.clamp_min(
            0.012
        )
        flat = (_robust(apart, _ROBUST_FINE if outline else _ROBUST_COARSE) * self.sure_flat).sum(1)
        total = flat + self._depth(marks)
        total = total + _PRIOR * self.prior.pose_energy(state.pose) + _LIMITS * self.prior.beyond_limits(state.pose)
        # Leaning towards the camera looks like leaning away: most people stand, most cameras are held level.
        tilt = _robust(turned[:, 0, 2, 1].abs() / _TILT, 2.0)
        total = total + _UPRIGHT * tilt + _SHAPE * (state.betas - self.usual).square().sum(1)
        unseen = 1 - self.seen[1:22].view(21, 1)
        total = total + _NEUTRAL * (unseen * (state.pose - self.neutral).square()).sum((1, 2))
        if outline:
            total = total + self._silhouette(state, self.body.vertices(state.betas, joints, turned, rest))
        return total

    def _depth(self, marks: Tensor) -> Tensor:
        """How far the landmarks (B, 33, 3) lie from where they were located in space, both about the hips."""
        hips = [LANDMARK["left_hip"], LANDMARK["right_hip"]]
        ours = marks - marks[:, hips].mean(1, keepdim=True)
        theirs = self.world - self.world[hips].mean(0)
        apart = (ours - theirs).norm(dim=-1) / self.stray.clamp_min(_LEAST_STRAY)
        return _DEPTH * (_robust(apart, _ROBUST_DEPTH) * self.sure).sum(1)

    def _silhouette(self, state: _State, vertices: Tensor) -> Tensor:
        """Body outside the cut-out costs, and border of the cut-out with no body beside it."""
        seen = self._seen_from(state, vertices[:, : len(self.rows)])
        height, width = self.frame
        pixels = seen * seen.new_tensor([1, -1]) * self.scale + self.centre
        grid = pixels / pixels.new_tensor([width, height]) * 2 - 1
        inside = ((grid.abs() <= 1).all(-1)).float()
        away = functional.grid_sample(
            self.distance.expand(len(grid), -1, -1, -1), grid[:, None], align_corners=False, padding_mode="border"
        )[:, 0, 0]
        outside = (_robust(away / 0.015, 4.0) * inside).mean(1) * 33
        if not len(self.outline):
            return _OUTSIDE * outside
        nearest = torch.cdist(self.outline.expand(len(seen), -1, -1), seen).amin(2)
        cover = _robust((nearest - 0.015).clamp_min(0) / 0.03, 1.5).mean(1) * 33
        return _OUTSIDE * outside + _COVER * cover

    def _pose(self, state: _State) -> tuple[Tensor, Tensor, Tensor]:
        count = len(state.pose)
        face = torch.eye(3).expand(count, 3, 3, 3)
        root = (rodrigues(state.orient) @ state.base).unsqueeze(1)
        rotations = torch.cat([root, rodrigues(state.pose), face, rodrigues(state.hands)], dim=1)
        return self.body.joints(state.betas, rotations)

    def _seen_from(self, state: _State, points: Tensor) -> Tensor:
        """Points (B, N, 3) as the camera sees them, (B, N, 2) in the problem's metres."""
        return points[..., :2] * state.place[:, :1, None].exp() + state.place[:, None, 1:]

    def _hand_points(self, state: _State, joints: Tensor, turned: Tensor, rest: Tensor) -> Tensor:
        """The hands' joints and tips (B, 2 * 20, 3), fingers in the network's order, tips last of each."""
        tips = self.body.vertices(state.betas, joints, turned, rest)[:, len(self.rows) :]
        rows = []
        for side_index, side in enumerate(("left", "right")):
            for finger_index, finger in enumerate(_HAND_ORDER):
                first = JOINT_INDEX[f"{side}_{finger}1"]
                tip = side_index * len(_HAND_ORDER) + finger_index
                rows.append(torch.cat([joints[:, first : first + 3], tips[:, tip : tip + 1]], dim=1))
        points = torch.cat(rows, dim=1)
        used = [i for side, i in (("left", 0), ("right", 1)) if side in self.person.hands]
        return points.unflatten(1, (2, 20))[:, used].flatten(1, 2)

    def _hand_targets(self) -> Tensor:
        found = [self.person.hands[side].points[1:] for side in ("left", "right") if side in self.person.hands]
        pixels = torch.from_numpy(np.concatenate(found)).float()
        return (pixels[:, :2] - self.centre) / self.scale * pixels.new_tensor([1, -1])

    def result(self, state: _State) -> BodyFit:
        """The fitted body and what can be said of its quality."""
        with torch.no_grad():
            joints, turned, _ = self._pose(state)
            marks = self.prior.landmarks(joints, turned)
            apart = (self._seen_from(state, marks) - self.points).norm(dim=-1)[0]
            root = (rodrigues(state.orient) @ state.base)[0].double().numpy()
        pose = np.zeros((NUM_JOINTS, 3))
        pose[0] = axis_angle(root[None])[0]
        pose[1:22] = state.pose[0].double().numpy()
        pose[25:] = state.hands[0].double().numpy()
        betas = np.clip(state.betas[0].double().numpy(), -MAX_BETA, MAX_BETA)
        grow = float(state.place[0, 0].exp())
        shift = state.place[0, 1:] * self.scale
        camera = WeakPerspective(self.scale * grow, float(self.centre[0] + shift[0]), float(self.centre[1] - shift[1]))
        confidence = self.seen.double().numpy().copy()
        for side, start in (("left", 25), ("right", 40)):
            confidence[start : start + 15] = self.person.hands[side].score if side in self.person.hands else 0.0
        known = self.sure > SEEN
        return BodyFit(
            BodyParameters.from_full_pose(_shortest(pose), betas=betas),
            camera,
            confidence,
            float(apart[known].median()) / HEIGHT if bool(known.any()) else 1.0,
        )


def _robust(distance: Tensor, limit: float) -> Tensor:
    """Half the squared distance near 0, levelling off at ``limit`` squared halves (Geman-McClure)."""
    square = distance.square()
    return 0.5 * square * limit**2 / (square + limit**2)


def _first_scale(world: Tensor, flat: Tensor, sure: Tensor) -> float:
    """Pixels a metre, from the spread of points in the world and in the picture."""
    weight = sure.clamp_min(1e-3).view(-1, 1)
    weight = weight / weight.sum()
    apart = world[:, :2] - (weight * world[:, :2]).sum(0)
    seen = flat - (weight * flat).sum(0)
    return float(((weight * seen.square()).sum() / (weight * apart.square()).sum().clamp_min(1e-6)).sqrt())


def _borne_out(flat: Tensor, located: Tensor, sure: Tensor) -> Tensor:
    """How far (33,) landmarks in the picture (33, 2) agree with where they were located (33, 2), in [0, 1].

    An arm behind the body is often seen before it: the whole of the landmarks tells, one by itself does not. Scale and
    shift between the two are found by least squares over those that agree.
    """
    agreed = torch.ones(len(flat))
    for _ in range(3):
        weight = (sure * agreed + 1e-6).view(-1, 1)
        weight = weight / weight.sum()
        ours, theirs = located - (weight * located).sum(0), flat - (weight * flat).sum(0)
        grow = (weight * ours * theirs).sum() / (weight * ours.square()).sum().clamp_min(1e-6)
        agreed = 1 / (1 + ((grow * ours - theirs).norm(dim=1) / _ASTRAY).square())
    return agreed


def _torso_rotation(world: Tensor) -> Float:
    """(3, 3) how the body faces, from the world points of hips and shoulders."""
    points = world.double().numpy()
    left, right = (points[[LANDMARK[f"{s}_shoulder"], LANDMARK[f"{s}_hip"]]] for s in ("left", "right"))
    across = (left - right).mean(0)
    up = (left + right)[0] - (left + right)[1]
    y = up / max(float(np.linalg.norm(up)), 1e-9)
    x = across - y * (across @ y)
    x /= max(float(np.linalg.norm(x)), 1e-9)
    return np.stack([x, y, np.cross(x, y)], axis=1)


def _about_y(angle: float) -> Float:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])


def _confidence(person: Person) -> Float:
    """(55,) how well landmarks show each joint's rotation."""
    confidence = np.zeros(NUM_JOINTS)
    visibility = person.visibility

    def of(*names: str) -> float:
        return float(np.mean([visibility[LANDMARK[name]] for name in names]))

    for joint, name in enumerate(JOINT_NAMES[:22]):
        side, _, part = name.partition("_")
        if part in _WITNESS and side in ("left", "right"):
            chain = [p for p in (part, _WITNESS[part]) if f"{side}_{p}" in LANDMARK]
            confidence[joint] = min(of(f"{side}_{p}") for p in chain)
    shoulders, hips = of("left_shoulder", "right_shoulder"), of("left_hip", "right_hip")
    confidence[JOINT_INDEX["pelvis"]] = max(hips, 0.5 * shoulders)
    for name in ("spine1", "spine2", "spine3"):
        confidence[JOINT_INDEX[name]] = min(hips, shoulders)
    for name in ("neck", "head"):
        confidence[JOINT_INDEX[name]] = min(shoulders, max(of("nose"), of("left_ear"), of("right_ear")))
    return confidence


def _surface(model: BodyModel) -> tuple[Tensor, Tensor]:
    """Vertices spread over the skin, and the ten fingertips (left, right; thumb to pinky)."""
    rest = model.pose()
    skin = np.ones(len(model.v_template), bool)
    if model.part_ids is not None:
        skin = ~np.isin(model.part_ids, [PART_INDEX[n] for n in ("tongue", "mouth", "left_eye", "right_eye")])
    rows = np.flatnonzero(skin)
    chosen = [int(rows[rest.vertices[rows, 1].argmax()])]
    distance = np.linalg.norm(rest.vertices[rows] - rest.vertices[chosen[0]], axis=1)
    while len(chosen) < _SURFACE:  # farthest points
        chosen.append(int(rows[distance.argmax()]))
        distance = np.minimum(distance, np.linalg.norm(rest.vertices[rows] - rest.vertices[chosen[-1]], axis=1))
    tips = []
    for side in ("left", "right"):
        for finger in _HAND_ORDER:
            last = JOINT_INDEX[f"{side}_{finger}3"]
            along = rest.rest_joints[last] - rest.rest_joints[last - 1]
            own = np.flatnonzero(model.weights[:, last] > 0.5)
            tips.append(int(own[(rest.vertices[own] @ along).argmax()]))
    return torch.tensor(chosen), torch.tensor(tips)


def _eroded(solid: NDArray[np.bool_]) -> NDArray[np.bool_]:
    inner = solid.copy()
    inner[1:] &= solid[:-1]
    inner[:-1] &= solid[1:]
    inner[:, 1:] &= solid[:, :-1]
    inner[:, :-1] &= solid[:, 1:]
    return inner


def _shortest(pose: Float) -> Float:
    """Rotation vectors (N, 3) brought to at most half a turn."""
    angle = np.linalg.norm(pose, axis=1, keepdims=True)
    wrapped = (angle + np.pi) % (2 * np.pi) - np.pi
    return np.where(angle > np.pi, pose / np.maximum(angle, 1e-9) * wrapped, pose)
