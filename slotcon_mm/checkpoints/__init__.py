"""Files of weights: which one, how they are read and written, and other libraries' formats."""
