"""Doppel worker: diffusion, lifting and the service that runs them."""
