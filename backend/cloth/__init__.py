"""Cloth: patterns and prints by rule, for the clothes of the factory's people and of generated ones alike."""
