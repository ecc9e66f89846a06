"""Weights between this package, the authors' code and the libraries that use a backbone."""
