"""What happens to a batch on the device before the networks see it."""
