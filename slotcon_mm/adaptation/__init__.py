"""From existing weights to better ones for your images, and the verdict."""
