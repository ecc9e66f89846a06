"""The ten-minute tour; ``python -m slotcon_mm.quickstart``."""
