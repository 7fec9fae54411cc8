"""A garment's pattern or print, at any place of it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from rigging.parts import PART_INDEX

from .fabric import Fabric
from .patterns import weave
from .places import Places
from .prints import MOTIFS, Print

CONTRAST = 55.0
"""Least distance in Lab of a print from its cloth: every named colour of clothes has others as far away."""
WRITTEN = 0.13
"""Half the width in metres of a text that the prompt gives."""
PRINTED = tuple(motif for motif in MOTIFS if motif not in ("band", "lines"))
"""What a print shows when the prompt leaves it open."""
_ARMS = ("left_upper_arm", "right_upper_arm", "left_lower_arm", "right_lower_arm", "left_hand", "right_hand")
_HANGING = ("dress", "coat", "tunic", "skirt", "miniskirt", "long skirt")


@dataclass(frozen=True)
class Cloth:
    """What is laid over the plain cloth of one garment."""

    fabric: Fabric
    lab: Tensor  # [3] of the plain garment
    seed: int
    stands: tuple[float, float]  # heights of soles and crown in the T-pose, metres

    def over(self, lab: Tensor, where: Places, pixel: float) -> Tensor:
        """Colours (N, 3) in Lab with it, at places (N,), a pixel or texel of which is ``pixel`` metres wide."""
        rest, hung = where.rest, where.hung
        if self.fabric.pattern == "logo":
            return self._print().on(lab, rest, *self.stands)
        arm = torch.isin(where.part, torch.tensor([PART_INDEX[name] for name in _ARMS]))
        skirt = (hung[:, 1] < where.pelvis) & (self.fabric.kind in _HANGING)
        # Cut and sewn as clothes are: a panel before and behind, one at each side; sleeves likewise, round the T-pose's
        # level arms.
        facing, hung_facing = where.facing.abs(), where.hung_facing.abs()
        trunk = torch.where(facing[:, 0] > facing[:, 2], rest[:, 2], rest[:, 0])
        sleeve = torch.where(facing[:, 1] > facing[:, 2], rest[:, 2], rest[:, 1])
        below = torch.where(hung_facing[:, 0] > hung_facing[:, 2], hung[:, 2], hung[:, 0])
        across = torch.where(arm, sleeve, torch.where(skirt, below, trunk))
        along = torch.where(arm, rest[:, 0].abs(), torch.where(skirt, hung[:, 1], rest[:, 1]))
        return weave(lab, across, along, self.fabric.pattern, pixel, self.lab[0])

    def _print(self) -> Print:
        rng = np.random.default_rng([self.seed, self.fabric.chance])
        motif = self.fabric.motif or PRINTED[int(rng.integers(len(PRINTED)))]
        drawn = Print.draw(rng, self.lab.numpy(), motif, CONTRAST)
        return drawn if motif in MOTIFS else replace(drawn, radius=WRITTEN)
