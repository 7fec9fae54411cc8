"""One file a pipeline, one class, one __call__."""
