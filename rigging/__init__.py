"""Body model, skinning and rigging on numpy and scipy."""
