"""Versions that both sides compare in their first message."""

PROTOCOL_VERSION = 1
"""Raised when a message changes so that the other side would misread it."""

DOPPEL_VERSION = "0.1.0"
"""The release; equal to the one in pyproject.toml and in the extension's manifest."""
