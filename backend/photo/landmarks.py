"""Landmarks of the people in a photograph: body, hands and face, by MediaPipe's networks.

The pre- and post-processing here is our own, after the descriptions in Bazarevsky et al. 2020 (BlazePose), Zhang et al.
2020 (MediaPipe Hands) and Kartynnik et al. 2019 (face mesh). Each network sees an upright square around its subject:
a detector finds the first one, the landmarks of a first pass the better second.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..protocol.errors import DoppelError
from ..protocol.photo import MAX_PEOPLE
from .crop import Square
from .networks import NETWORKS, PhotoNetworks

Float = NDArray[np.float64]

BODY_LANDMARKS: tuple[str, ...] = (
    "nose", "left_eye_inner", "left_eye", "left_eye_outer", "right_eye_inner", "right_eye", "right_eye_outer",
    "left_ear", "right_ear", "mouth_left", "mouth_right", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_pinky", "right_pinky", "left_index", "right_index",
    "left_thumb", "right_thumb", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle", "right_ankle",
    "left_heel", "right_heel", "left_foot_index", "right_foot_index",
)  # fmt: skip
"""The 33 points of the pose network, left and right the person's own."""
LANDMARK: dict[str, int] = {name: index for index, name in enumerate(BODY_LANDMARKS)}

LEAST_DETECTION = 0.5
LEAST_PRESENCE = 0.5
_OVERLAP = 0.3  # of two boxes that are one person
_PART = 0.6  # of a mask within another that makes the two one person
_LEAST_BESIDE = 0.12  # of the picture's shorter side: narrower gaps between people are not searched
_ROOM = 0.25  # around a part of the picture that is searched, share of its longer side
_TRUNK = [LANDMARK[f"{side}_{part}"] for part in ("shoulder", "hip") for side in ("left", "right")]
OTHER_SIDE = [
    LANDMARK[name.replace("left", "*").replace("right", "left").replace("*", "right")] for name in BODY_LANDMARKS
]
_AUXILIARY = (33, 34)  # the pose network's own centre and circle for its next square
# Points of the face mesh that are points of the body, too.
_FACE_TO_BODY = {
    "nose": 1, "left_eye_inner": 362, "left_eye_outer": 263, "right_eye_inner": 133, "right_eye_outer": 33,
    "mouth_left": 291, "mouth_right": 61,
}  # fmt: skip


@dataclass(frozen=True)
class Found:
    """Points of a hand (21) or a face (468)."""

    points: Float  # (K, 3) x, y in pixels of the photo; z in pixels, less is nearer
    score: float


@dataclass(frozen=True)
class Person:
    """What the networks see of one person. Pixels from the upper left corner, y downwards."""

    points: Float  # (33, 2) pixels; may lie outside the picture
    visibility: Float  # (33,) probability of being in view and not hidden; 0 outside the picture
    world: Float  # (33, 3) metres about the middle of the hips; x right, y up, z towards the camera
    mask: NDArray[np.float32]  # (256, 256) probability over `square`
    square: Square
    score: float
    hands: dict[str, Found] = field(default_factory=dict)  # "left", "right" of the person, where seen
    face: Found | None = None


def find_people(rgb: NDArray[np.uint8], networks: PhotoNetworks) -> list[Person]:
    """Everybody in a photo (H, W, 3), the largest first.

    The detector tends to see one person of several. So it looks again beside those whom it found, and at overlapping
    parts of a wide picture in which it found nobody.

    Raises:
        DoppelError: ``photo_no_person``.
    """
    picture = Image.fromarray(rgb)
    people: list[Person] = []
    least = _LEAST_BESIDE * min(picture.size)
    spans = [(0, picture.width)]
    while spans and len(people) < MAX_PEOPLE:
        left, right = spans.pop(0)
        room = 0.0 if right - left == picture.width else _ROOM
        found = _meet(picture, _detect(picture, networks, (left, right), room), people, networks)
        people += found
        beside = _beside(found, left, right) if found else _halves(left, right, picture.height)
        spans += [span for span in beside if span[1] - span[0] >= least]
    # People that fill the picture are found when there is room around them.
    people = people or _meet(picture, _detect(picture, networks, margin=0.5), people, networks)
    people = people or _meet(picture, _detect(picture, networks, least=0.25), people, networks)
    if not people:
        raise DoppelError(
            "photo_no_person",
            "no person was found in the photo",
            "choose a photo in which the body, or at least the upper body, is large and in view; drawings are not read",
        )
    return sorted(people, key=lambda person: -person.square.side)[:MAX_PEOPLE]


def _meet(picture: Image.Image, squares: list[Square], known: list[Person], networks: PhotoNetworks) -> list[Person]:
    """The people in squares who are not among the known ones."""
    met: list[Person] = []
    for square in squares[:MAX_PEOPLE]:
        person = _body(picture, square, networks)
        if person is not None and not any(_same(person, other, picture.size) for other in (*known, *met)):
            met.append(person)
    return met


def _beside(people: list[Person], left: int, right: int) -> list[tuple[int, int]]:
    """What the trunks of people leave of a span of columns."""
    spans = []
    for person in sorted(people, key=lambda person: person.points[_TRUNK, 0].mean()):
        trunk = person.points[_TRUNK, 0]
        spans.append((left, min(right, int(trunk.min()))))
        left = max(left, int(trunk.max()))
    return [*spans, (left, right)]


def _halves(left: int, right: int, height: int) -> list[tuple[int, int]]:
    """Two overlapping parts of a span of columns that is wider than high."""
    width = right - left
    return [(left, left + 3 * width // 5), (right - 3 * width // 5, right)] if width > 1.25 * height else []


def with_details(rgb: NDArray[np.uint8], person: Person, networks: PhotoNetworks) -> Person:
    """The same person with hands and face, and the points of the face from its own, sharper network.

    Who shows a face is not seen from behind: where the pose network thought so, left and right are exchanged.
    """
    picture = Image.fromarray(rgb)
    face = _face(picture, person, networks)
    if face is not None and seems_from_behind(person):
        person = exchanged(person)
    hands = {}
    for side in ("left", "right"):
        hand = _hand(picture, person, side, networks)
        if hand is not None:
            hands[side] = hand
    points = person.points.copy()
    if face is not None:
        rows = [LANDMARK[name] for name in _FACE_TO_BODY]
        sharper = face.points[list(_FACE_TO_BODY.values()), :2]
        extent = float(np.ptp(face.points[:, :2], axis=0).max())
        if np.linalg.norm(sharper - points[rows], axis=1).max() < 0.2 * extent:  # it loses its way on profiles
            points[rows] = sharper
        else:
            face = None
    return Person(points, person.visibility, person.world, person.mask, person.square, person.score, hands, face)


def exchanged(person: Person) -> Person:
    """The same person with what was taken for left as right: read from the other side."""
    return replace(
        person,
        points=person.points[OTHER_SIDE],
        visibility=person.visibility[OTHER_SIDE],
        world=person.world[OTHER_SIDE],
    )


def shows_face(rgb: NDArray[np.uint8], person: Person, networks: PhotoNetworks) -> bool:
    """Whether a person in a photo (H, W, 3) shows a face."""
    return _face(Image.fromarray(rgb), person, networks) is not None


def seems_from_behind(person: Person) -> bool:
    """Whether the left shoulder and hip lie on the left of the picture."""
    left, right = ([LANDMARK[f"{side}_{part}"] for part in ("shoulder", "hip")] for side in ("left", "right"))
    return bool(person.points[left, 0].mean() < person.points[right, 0].mean())


def _detect(
    picture: Image.Image,
    networks: PhotoNetworks,
    span: tuple[int, int] | None = None,
    margin: float = 0.0,
    least: float = LEAST_DETECTION,
) -> list[Square]:
    """Squares around people, the most certain first.

    Args:
        picture: the photo.
        networks: that look at it.
        span: first and last column of the part that is looked at, its neighbours hidden; None is the whole.
        margin: room added on each side, share of the longer one.
        least: certainty.
    """
    side = NETWORKS["detector"].side
    left, right = span or (0, picture.width)
    part = picture.crop((left, 0, right, picture.height))
    seen = Square(part.width / 2, part.height / 2, max(part.size) * (1 + 2 * margin))
    whole = replace(seen, x=seen.x + left)
    boxes, scores = networks("detector", seen.cut(part, side) * 2 - 1)
    certainty = 1 / (1 + np.exp(-np.clip(scores[:, 0].astype(np.float64), -100, 100)))
    order = np.argsort(-certainty)[:200]
    order = order[certainty[order] >= least]
    anchors = _anchors()
    taken: list[tuple[Float, Square]] = []
    for row in order:
        values = boxes[row].reshape(6, 2) / side
        centre, size = anchors[row] + values[0], values[1]
        box = np.concatenate([centre - size / 2, centre + size / 2])
        if any(_intersection_over_union(box, other) > _OVERLAP for other, _ in taken):
            continue
        middle, rim = whole.to_picture(anchors[row] + values[2:4])
        taken.append((box, _around(middle, rim)))
    return [square for _, square in taken]


def _anchors() -> Float:
    """(2254, 2) centres of the detector's cells, in [0, 1]^2."""
    rows = []
    for cells, repeats in ((28, 2), (14, 2), (7, 6)):
        y, x = np.mgrid[0:cells, 0:cells].reshape(2, -1)
        rows.append(np.repeat((np.stack([x, y], axis=1) + 0.5) / cells, repeats, axis=0))
    return np.concatenate(rows)


def _around(middle: Float, rim: Float) -> Square:
    """The square around a person whose hips are at ``middle`` and whose circle goes through ``rim``, above the head."""
    dx, dy = rim - middle
    return Square(float(middle[0]), float(middle[1]), 2.5 * math.hypot(dx, dy), math.atan2(dx, -dy))


def _body(picture: Image.Image, square: Square, networks: PhotoNetworks) -> Person | None:
    side = NETWORKS["pose"].side
    cut = square.cut(picture, side)
    rough = _pose(cut, networks)
    if rough.score < LEAST_PRESENCE:
        return None
    better = _around(*square.to_picture(rough.points[list(_AUXILIARY)]))
    cut = better.cut(picture, side)
    fine, mirrored = _pose(cut, networks), _pose(cut[:, ::-1], networks).mirrored()
    if min(fine.score, mirrored.score) >= LEAST_PRESENCE:
        # The network turns people to one side by some ten degrees. Its mirror image errs the other way.
        seen, square = fine.mean(mirrored), better
    else:
        seen = rough
    points = square.to_picture(seen.points[:33])
    world = seen.world.copy()
    world[:, :2] = world[:, :2] @ square.axes.T
    sure = seen.sure * _inside(points, picture.width, picture.height)
    return Person(points, sure, world * (1, -1, -1), seen.mask.astype(np.float32), square, seen.score)


@dataclass(frozen=True)
class _Pose:
    """What the pose network says of a square."""

    points: Float  # (35, 2) in [0, 1]^2 of the square, the last two its own centre and circle
    sure: Float  # (33,)
    world: Float  # (33, 3) metres; x right, y down, z away
    mask: Float  # (256, 256)
    score: float

    def mirrored(self) -> _Pose:
        """The same, seen in a mirror."""
        swap = [*OTHER_SIDE, *_AUXILIARY]
        points = self.points[swap] * (-1, 1) + (1, 0)
        return _Pose(points, self.sure[OTHER_SIDE], self.world[OTHER_SIDE] * (-1, 1, 1), self.mask[:, ::-1], self.score)

    def mean(self, other: _Pose) -> _Pose:
        """What lies between the two."""
        pairs = [(getattr(self, name), getattr(other, name)) for name in ("points", "sure", "world", "mask", "score")]
        return _Pose(*((a + b) / 2 for a, b in pairs))


def _pose(cut: NDArray[np.float32], networks: PhotoNetworks) -> _Pose:
    flat, flag, mask, _, metres = networks("pose", cut)
    values = flat.reshape(39, 5).astype(np.float64)
    sure = 1 / (1 + np.exp(-values[:33, 3:]))
    likely = 1 / (1 + np.exp(-np.clip(mask[..., 0].astype(np.float64), -50, 50)))
    world = metres.reshape(39, 3)[:33].astype(np.float64)
    return _Pose(values[:35, :2] / len(cut), sure.min(1), world, likely, float(flag.ravel()[0]))


def _inside(points: Float, width: int, height: int) -> Float:
    inside = (points >= 0) & (points < np.array([width, height]))
    return np.asarray(inside.all(axis=1), np.float64)


def _same(a: Person, b: Person, size: tuple[int, int]) -> bool:
    """Whether two findings in a picture of (width, height) are one person, or the one a part of the other."""
    apart = np.linalg.norm(a.points[_TRUNK] - b.points[_TRUNK], axis=1).mean()
    if apart < 0.12 * min(a.square.side, b.square.side):
        return True
    shrink = 128 / max(size)
    width, height = (max(1, round(length * shrink)) for length in size)
    first, second = (p.square.scaled(shrink).paste(p.mask, height, width) > 0.5 for p in (a, b))
    return bool((first & second).sum() > _PART * min(first.sum(), second.sum()))


def _hand(picture: Image.Image, person: Person, side: str, networks: PhotoNetworks) -> Found | None:
    wrist, pinky, index = (LANDMARK[f"{side}_{name}"] for name in ("wrist", "pinky", "index"))
    if person.visibility[[wrist, pinky, index]].min() < 0.5:
        return None
    knuckles = (2 * person.points[index] + person.points[pinky]) / 3
    along = knuckles - person.points[wrist]
    reach = float(np.hypot(*along))
    if reach < 4:  # pixels: nothing can be told of fingers
        return None
    centre = knuckles + 0.1 * along
    square = Square(centre[0], centre[1], 5.4 * reach, math.atan2(along[0], -along[1]))
    size = NETWORKS["hand"].side
    found = None
    for _ in range(3):
        flat, flag, _, _ = networks("hand", square.cut(picture, size))
        values = flat.reshape(21, 3).astype(np.float64)
        points = square.to_picture(values[:, :2] / size)
        found = Found(np.column_stack([points, values[:, 2] / size * square.side]), float(flag.ravel()[0]))
        if found.score < LEAST_PRESENCE:
            return None
        square = _hand_square(points)
    return found


def _hand_square(points: Float) -> Square:
    """The square around a hand's 21 points: upright along the palm, twice as large as their box."""
    along = (points[5] + points[13]) / 4 + points[9] / 2 - points[0]
    angle = math.atan2(along[0], -along[1])
    axes = Square(0, 0, 1, angle).axes
    palm = points[[0, 1, 2, 3, 5, 6, 9, 10, 13, 14, 17, 18]] @ axes
    low, high = palm.min(0), palm.max(0)
    extent = float((high - low).max())
    centre = axes @ ((low + high) / 2 - (0, 0.1 * extent))
    return Square(centre[0], centre[1], 2.0 * extent, angle)


def _face(picture: Image.Image, person: Person, networks: PhotoNetworks) -> Found | None:
    head = [LANDMARK[name] for name in ("left_eye_outer", "right_eye_outer", "mouth_left", "mouth_right")]
    if person.visibility[: LANDMARK["mouth_right"] + 1].mean() < 0.5:
        return None
    left_eye, right_eye, *mouth = person.points[head]
    eyes, lips = (left_eye + right_eye) / 2, (mouth[0] + mouth[1]) / 2
    down = lips - eyes
    extent = max(float(np.hypot(*(left_eye - right_eye))), 1.2 * float(np.hypot(*down)))
    if extent < 8:  # pixels
        return None
    x, y = eyes + 0.4 * down
    square = Square(float(x), float(y), 3.0 * extent, math.atan2(-down[0], down[1]))
    size = NETWORKS["face"].side
    found: Found | None = None
    for _ in range(2):
        flat, flag = networks("face", square.cut(picture, size))
        values = flat.reshape(468, 3).astype(np.float64)
        points = square.to_picture(values[:, :2] / size)
        score = 1 / (1 + math.exp(-float(np.clip(flag.ravel()[0], -50, 50))))
        found = Found(np.column_stack([points, values[:, 2] / size * square.side]), score)
        low, high = points.min(0), points.max(0)
        dx, dy = points[263] - points[33]
        centre = (low + high) / 2
        square = Square(centre[0], centre[1], 1.5 * float((high - low).max()), math.atan2(dy, dx))
    # The first square is a guess from the body's points: what the second one shows decides.
    return found if found is not None and found.score >= LEAST_PRESENCE else None


def _intersection_over_union(a: Float, b: Float) -> float:
    corner = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    common = float(np.prod(np.maximum(corner, 0)))
    return common / (float(np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2])) - common + 1e-12)
