"""A layout that notes what a panel draws, and refuses what Blender's would refuse: unknown properties and operators."""

from typing import Any

import bpy


class OperatorArguments:
    """Stands for the properties that `layout.operator` returns: only those that the operator has can be set."""

    def __init__(self, idname: str) -> None:
        group, _, name = idname.partition(".")
        rna = getattr(getattr(bpy.ops, group), name).get_rna_type()  # raises for an unknown operator
        object.__setattr__(self, "_known", {prop.identifier for prop in rna.properties})

    def __setattr__(self, name: str, value: Any) -> None:
        assert name in self._known, name
        object.__setattr__(self, name, value)


class RecordingLayout:
    """Draws into `said`, a list of the texts and names in the order in which they would appear."""

    def __init__(self, said: list[str] | None = None) -> None:
        self.said = [] if said is None else said
        self.use_property_split = False
        self.scale_y = 1.0
        self.active = self.enabled = True
        self.emboss = "NORMAL"
        self.operator_context = "INVOKE_DEFAULT"

    def _inner(self, **_arguments: Any) -> "RecordingLayout":
        return RecordingLayout(self.said)

    row = column = box = grid_flow = _inner

    def popover(self, panel: str, text: str | None = None, icon: str = "NONE", **_arguments: Any) -> None:
        self._icon(icon)
        assert hasattr(bpy.types, panel), panel
        self.said.append(f"popover:{panel}")

    def panel(self, idname: str, default_closed: bool = False) -> tuple["RecordingLayout", "RecordingLayout"]:
        assert idname
        return RecordingLayout(self.said), RecordingLayout(self.said)

    def label(self, text: str = "", icon: str = "NONE", icon_value: int = 0) -> None:
        self._icon(icon)
        self.said.append(text)

    def prop(self, data: Any, name: str, text: str | None = None, icon: str = "NONE", **_arguments: Any) -> None:
        self._icon(icon)
        if name.startswith('["'):
            assert name[2:-2] in data
        else:
            assert name in data.bl_rna.properties, name
        self.said.append(f"prop:{name}")

    def operator(
        self, idname: str, text: str | None = None, icon: str = "NONE", emboss: bool = True, depress: bool = False
    ) -> OperatorArguments:
        self._icon(icon)
        self.said.append(f"operator:{idname}")
        return OperatorArguments(idname)

    def operator_menu_enum(self, idname: str, name: str, text: str = "", icon: str = "NONE") -> None:
        self._icon(icon)
        setattr(OperatorArguments(idname), name, None)
        self.said.append(f"menu:{idname}")

    def progress(self, factor: float, text: str) -> None:
        assert 0.0 <= factor <= 1.0
        self.said.append(f"progress:{factor:.2f} {text}")

    def template_icon(self, icon_value: int, scale: float) -> None:
        assert icon_value > 0
        self.said.append("picture")

    @staticmethod
    def _icon(icon: str) -> None:
        assert icon in bpy.types.UILayout.bl_rna.functions["label"].parameters["icon"].enum_items, icon
