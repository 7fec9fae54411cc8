"""One script a model, one shared loop."""
