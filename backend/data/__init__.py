"""The synthetic-human factory and its datasets."""
