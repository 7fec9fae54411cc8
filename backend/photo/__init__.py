"""From a photograph to a posed body and a front view."""
