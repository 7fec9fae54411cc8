"""The service that runs pipelines: sockets, keys, job store, life cycle."""
