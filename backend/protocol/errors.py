"""The one error type that a user may see: what happened, why, and what to do."""

from __future__ import annotations

_MAX_CODE, _MAX_TEXT = 64, 2000


class DoppelError(Exception):
    """An error meant for the user.

    Args:
        code: short machine-readable name, e.g. ``prompt_empty``; stable, translated and tested by it.
        message: one line that says what went wrong and why.
        hint: one line that says what to do about it; may be empty.
    """

    def __init__(self, code: str, message: str, hint: str = "") -> None:
        super().__init__(code, message, hint)
        self.code = code
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def to_dict(self) -> dict[str, str]:
        """The form that travels in messages and lies in the job store."""
        return {"code": self.code, "message": self.message, "hint": self.hint}

    @classmethod
    def from_dict(cls, payload: object) -> DoppelError:
        """Read :meth:`to_dict`'s form from an untrusted peer; never raises, texts are clipped and made one line."""
        if not isinstance(payload, dict):
            return cls("unknown", "the other side reported an error that cannot be read")
        code = _one_line(payload.get("code"), _MAX_CODE) or "unknown"
        message = _one_line(payload.get("message"), _MAX_TEXT) or f"the other side reported the error '{code}'"
        return cls(code, message, _one_line(payload.get("hint"), _MAX_TEXT))


def _one_line(value: object, limit: int) -> str:
    if not isinstance(value, str):
        return ""
    return " ".join("".join(c if c.isprintable() else " " for c in value[:limit]).split())
