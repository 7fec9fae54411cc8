# SPDX-License-Identifier: GPL-3.0-or-later
"""The base of every operator: nothing an operator does may end in a traceback before the artist's eyes."""

import logging
from typing import Any

import bpy

from ...backend.protocol.errors import DoppelError

log = logging.getLogger(__package__)


class DoppelOperator(bpy.types.Operator):
    """Subclasses write `run` and, where they can be refused, `refusal`; `execute` and `poll` are sealed here."""

    bl_idname = "doppel.base"
    bl_label = "Doppel"

    def __init_subclass__(cls, **arguments: Any) -> None:
        super().__init_subclass__(**arguments)
        for sealed in ("execute", "poll"):
            if sealed in cls.__dict__:
                raise TypeError(f"{cls.__name__} must not override {sealed}")

    @classmethod
    def refusal(cls, context: bpy.types.Context) -> str:
        """Why the operator cannot run now, in words for a tooltip; empty when it can."""
        return ""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        reason = cls.refusal(context)
        if reason:
            cls.poll_message_set(reason)
        return not reason

    def run(self, context: bpy.types.Context) -> str | None:
        """Do it; returns a line to report, or None for silence. Raises DoppelError for what the user can mend."""
        raise NotImplementedError

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            message = self.run(context)
        except DoppelError as error:
            log.warning("%s: %s [%s]", self.bl_idname, error, error.code)
            self.report({"ERROR"}, f"{error} [{error.code}]")
            return {"CANCELLED"}
        except Exception as error:
            log.exception("%s failed", self.bl_idname)
            self.report({"ERROR"}, f"{self.bl_label} failed: {error} (the details are in Blender's console)")
            return {"CANCELLED"}
        if message:
            self.report({"INFO"}, message)
        return {"FINISHED"}
