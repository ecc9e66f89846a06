"""What makes a sample's draws depend on its place in the run alone."""
