"""Face landmarks of the iBUG scheme for loaders that ask for SMPL-X's `lmk_*` keys.

Eyes and the inner lip line are exact: they are rims of the mesh. The other points follow from the face's proportions.
"""

from __future__ import annotations

import numpy as np

_CONTOUR_POINTS = 17
_MOST_YAW = 39  # degrees; SMPL-X tabulates the visible contour for 0..39 degrees to either side
_BROW_RISE, _BROW_ARCH = 0.0175, 0.004  # metres above the eye's centre
_JAW_SLOPE = 0.45  # of the jaw's lower edge, rising backwards
_UPPER_LIP, _LOWER_LIP = 0.009, 0.014  # metres from the lip line to the edge of the red


class FaceMesh:
    """The face of the mean body and what the landmarks are measured from."""

    def __init__(
        self,
        vertices: np.ndarray,  # (V, 3)
        faces: np.ndarray,  # (F, 3)
        skin: np.ndarray,  # (V,) True on the outside of the head
        left_eye: np.ndarray,  # (n,) rim vertices of the lids
        right_eye: np.ndarray,  # (n,)
        lips: np.ndarray,  # (n,) rim vertices of the mouth
    ) -> None:
        self.vertices = vertices
        self.faces = faces
        self.left_eye, self.right_eye, self.lips = left_eye, right_eye, lips
        front = vertices[:, 2] > vertices[left_eye, 2].mean() - 0.06
        self.skin = np.flatnonzero(skin)
        self.front = np.flatnonzero(skin & front)

    def nearest(self, x: float, y: float) -> int:
        """The frontmost skin vertex around (x, y)."""
        points = self.vertices[self.front]
        distance = np.hypot(points[:, 0] - x, points[:, 1] - y)
        return int(self.front[np.argmin(distance - 0.2 * points[:, 2])])

    def corner_on_triangle(self, vertices: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Triangles (...,) and barycentric coordinates (..., 3) of points that are vertices (...,)."""
        flat = np.asarray(vertices).ravel()
        triangles = np.array([int(np.argmax((self.faces == vertex).any(axis=1))) for vertex in flat])
        weights = (self.faces[triangles] == flat[:, None]).astype(np.float64)
        return triangles.reshape(np.shape(vertices)), weights.reshape(*np.shape(vertices), 3)


def face_landmarks(face: FaceMesh) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (51,) and barycentric coordinates (51, 3) of brows, nose, eyes, outer and inner lips."""
    vertices = [
        *_brow(face, face.right_eye)[::-1],
        *_brow(face, face.left_eye),
        *_nose(face),
        *_rim(face, face.right_eye, upper=(1 / 3, 2 / 3), lower=(2 / 3, 1 / 3)),
        *_rim(face, face.left_eye, upper=(1 / 3, 2 / 3), lower=(2 / 3, 1 / 3)),
        *_outer_lips(face),
        *_rim(face, face.lips, upper=(0.25, 0.5, 0.75), lower=(0.75, 0.5, 0.25)),
    ]
    return face.corner_on_triangle(np.array(vertices))


def contour_landmarks(face: FaceMesh) -> tuple[np.ndarray, np.ndarray]:
    """Triangles (79, 17) and barycentric coordinates (79, 17, 3): the jaw line as seen at each yaw of the head.

    Rows 0..39 are for the head turned by 0..-39 degrees about Y, rows 40..78 for 1..39 degrees.
    """
    yaws = [*(-np.arange(_MOST_YAW + 1)), *np.arange(1, _MOST_YAW + 1)]
    return face.corner_on_triangle(np.array([_contour(face, np.radians(yaw)) for yaw in yaws]))


def _brow(face: FaceMesh, eye: np.ndarray) -> list[int]:
    """Five vertices from the nose outwards."""
    rim = face.vertices[eye]
    centre = rim.mean(axis=0)
    side = np.sign(centre[0])
    inner, outer = np.abs(rim[:, 0]).min() - 0.004, np.abs(rim[:, 0]).max() + 0.007
    across = np.linspace(0.0, 1.0, 5)
    rise = _BROW_RISE + _BROW_ARCH * np.sin(np.pi * across**1.4) - 0.003 * across
    return [
        face.nearest(side * (inner + t * (outer - inner)), centre[1] + up) for t, up in zip(across, rise, strict=True)
    ]


def _nose(face: FaceMesh) -> list[int]:
    """Four vertices down the bridge to the tip, five below it from the right wing to the left."""
    eyes = face.vertices[np.concatenate([face.left_eye, face.right_eye])]
    lips = face.vertices[face.lips]
    points = face.vertices[face.front]
    middle = face.front[np.abs(points[:, 0]) < 1e-4]
    line = face.vertices[middle]
    below_eyes = (line[:, 1] < eyes[:, 1].mean()) & (line[:, 1] > lips[:, 1].mean() + 0.01)
    tip = line[below_eyes][line[below_eyes, 2].argmax()]
    bridge = [face.nearest(0.0, y) for y in np.linspace(eyes[:, 1].mean(), tip[1], 4)]
    base = tip[1] - 0.011
    level = points[(np.abs(points[:, 1] - base) < 0.006) & (points[:, 2] > tip[2] - 0.022)]
    wing = np.abs(level[:, 0]).max()
    return bridge + [face.nearest(x * wing, base) for x in (-0.7, -0.35, 0.0, 0.35, 0.7)]


def _rim(face: FaceMesh, rim: np.ndarray, upper: tuple[float, ...], lower: tuple[float, ...]) -> list[int]:
    """From the corner at the least x along the upper edge to the other corner and back along the lower edge."""
    points = face.vertices[rim]
    first, last = points[points[:, 0].argmin()], points[points[:, 0].argmax()]
    line = first[1] + (last[1] - first[1]) * (points[:, 0] - first[0]) / (last[0] - first[0])

    def at(share: float, above: bool) -> int:
        chosen = rim[(points[:, 1] >= line) == above]
        x = first[0] + share * (last[0] - first[0])
        return int(chosen[np.abs(face.vertices[chosen, 0] - x).argmin()])

    return [
        int(rim[points[:, 0].argmin()]),
        *(at(share, True) for share in upper),
        int(rim[points[:, 0].argmax()]),
        *(at(share, False) for share in lower),
    ]


def _outer_lips(face: FaceMesh) -> list[int]:
    points = face.vertices[face.lips]
    left, right = points[:, 0].max(), points[:, 0].min()
    corners = points[points[:, 0].argmax(), 1]
    middle = points[np.abs(points[:, 0]) < 0.25 * left, 1].mean()

    def edge(share: float, height: float) -> int:
        level = corners + (middle - corners) * np.sin(np.pi * share)
        return face.nearest(right + share * (left - right), level + height * np.sin(np.pi * share))

    upper = [edge(share, _UPPER_LIP) for share in (0.17, 0.37, 0.5, 0.63, 0.83)]
    lower = [edge(share, -_LOWER_LIP) for share in (0.83, 0.65, 0.5, 0.35, 0.17)]
    ends = [int(face.lips[points[:, 0].argmin()]), int(face.lips[points[:, 0].argmax()])]
    return [ends[0], *upper, ends[1], *lower]


def _chin(face: FaceMesh) -> np.ndarray:
    """(3,) the lowest point of the chin: on the midline, a finger's breadth behind the chin's front."""
    line = face.vertices[face.front]
    line = line[(np.abs(line[:, 0]) < 1e-4) & (line[:, 1] < face.vertices[face.lips, 1].min() - 0.02)]
    line = line[line[:, 2] > line[:, 2].max() - 0.015]
    return line[line[:, 1].argmin()]


def _contour(face: FaceMesh, yaw: float) -> list[int]:
    """17 vertices on the outline of the lower face, from the viewer's left to right, for a head turned by `yaw`."""
    eyes = face.vertices[np.concatenate([face.left_eye, face.right_eye])]
    lips = face.vertices[face.lips]
    centre = (eyes.mean(axis=0) + lips.mean(axis=0)) / 2
    centre = np.array([0.0, eyes[:, 1].mean() - 0.3 * (eyes[:, 1].mean() - centre[1]), eyes[:, 2].mean() - 0.06])
    # Ears, the back of the head and the throat, below a slope from the chin, are no part of the face's outline.
    points = face.vertices[face.skin]
    chin = _chin(face)
    jaw = chin[1] + _JAW_SLOPE * (chin[2] - points[:, 2])
    usable = face.skin[(points[:, 2] > centre[2] - 0.01) & (points[:, 1] > jaw - 0.003)]
    points = face.vertices[usable] - centre
    turned_x = np.cos(yaw) * points[:, 0] + np.sin(yaw) * points[:, 2]
    angles = np.arctan2(-points[:, 1], turned_x)  # 0 at the viewer's right, pi / 2 at the chin
    radius = np.hypot(turned_x, points[:, 1])
    result = []
    for target in np.linspace(np.pi, 0.0, _CONTOUR_POINTS):
        off = np.abs(np.angle(np.exp(1j * (angles - target))))
        result.append(int(usable[np.argmax(radius - 0.6 * off)]))
    return result
