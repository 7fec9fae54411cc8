"""The subcommands of the doppel command line."""
