"""Images in, groups out; a gallery of what each prototype stands for."""
