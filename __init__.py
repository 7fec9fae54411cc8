# SPDX-License-Identifier: GPL-3.0-or-later
"""Doppel: posable, textured avatars in Blender from a prompt and a body. Registration only."""


def register() -> None:
    from .blender_addon import registration

    registration.register()


def unregister() -> None:
    from .blender_addon import registration

    registration.unregister()
