"""The skeletons that other programs use, and a character's way into each of them."""

from __future__ import annotations

from . import mixamo, rigify, smplx, unity, unreal, vrm
from .conversion import convert
from .definition import Bone, Skeleton
from .rig import Rig

__all__ = ["SKELETONS", "Bone", "Rig", "Skeleton", "SkeletonError", "convert", "skeleton"]

SKELETONS: dict[str, Skeleton] = {
    module.SKELETON.name: module.SKELETON for module in (smplx, mixamo, unreal, unity, rigify, vrm)
}
"""Name -> skeleton."""


class SkeletonError(ValueError):
    """There is no such skeleton; the message is one line for the user."""


def skeleton(name: str) -> Skeleton:
    """A skeleton by its name.

    Raises:
        SkeletonError: it is not known.
    """
    if name not in SKELETONS:
        raise SkeletonError(f"There is no skeleton {name!r}; choose one of {', '.join(SKELETONS)}.")
    return SKELETONS[name]
