"""From a backbone's feature map to scores and slots."""
