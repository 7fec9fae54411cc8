"""Pure functions on arrays: rasterisation, extraction, unwrapping, baking."""
