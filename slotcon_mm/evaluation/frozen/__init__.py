"""What the frozen features of a network are worth, measured on images with labels."""
