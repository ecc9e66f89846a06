"""Networks of other libraries as backbones that yield a feature map."""
