"""The machine that a run is on: its devices, launchers, operators, memory and worker processes."""
