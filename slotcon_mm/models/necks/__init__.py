"""From a backbone's feature map to scores and slots; to the pyramid that detectors take."""
