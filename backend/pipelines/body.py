"""The posed body that everything else is conditioned on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from rigging.body_model import BodyModel, PosedBody
from rigging.body_parameters import BodyParameters

from ..geometry.body_features import BodyField
from ..geometry.body_maps import body_maps
from ..geometry.view_frame import ViewFrame


@dataclass(frozen=True)
class PosedSubject:
    """A body in its pose, and the frame in which it is seen."""

    model: BodyModel
    parameters: BodyParameters
    posed: PosedBody
    frame: ViewFrame
    device: torch.device

    @classmethod
    def of(cls, model: BodyModel, parameters: BodyParameters, device: torch.device) -> PosedSubject:
        posed = model.pose(parameters)
        return cls(model, parameters, posed, ViewFrame.of_body(posed.vertices), device)

    @cached_property
    def vertices(self) -> Tensor:
        """Posed vertices (V, 3) in view space."""
        return torch.from_numpy(self.frame.to_view(self.posed.vertices)).float().to(self.device)

    @cached_property
    def faces(self) -> Tensor:
        """Triangles (F, 3)."""
        return torch.from_numpy(self.model.faces.astype(np.int64)).to(self.device)

    @cached_property
    def template(self) -> Tensor:
        return torch.from_numpy(self.model.v_template).float().to(self.device)

    def maps(self, size: int) -> Tensor:
        """Conditioning maps (2, 8, size, size) of front and back."""
        return body_maps(self.vertices, self.faces, self.template, size)

    @cached_property
    def field(self) -> BodyField:
        """Features of points near the body."""
        return BodyField(self.vertices, self.faces, self.template)
