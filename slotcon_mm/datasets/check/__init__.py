"""Looking at every picture of a data set once, before a long run meets the bad ones."""

from slotcon_mm.datasets.check.check_folder import Report, check_folder
from slotcon_mm.datasets.check.examine import Finding, examine

__all__ = ["Finding", "Report", "check_folder", "examine"]
