"""What the worker and its clients agree on: messages, requests, errors, versions. Standard library only."""
