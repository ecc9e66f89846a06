"""The published recipe in plain code, to measure against: what one would write without looking at the clock."""
