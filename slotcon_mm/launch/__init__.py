"""From a config and the command line to a run."""
