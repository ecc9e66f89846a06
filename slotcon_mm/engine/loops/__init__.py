"""How a run goes through its steps."""
