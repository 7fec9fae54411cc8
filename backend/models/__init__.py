"""Neural networks: config in, tensors out."""
