"""Losses, and the state that belongs to them."""
