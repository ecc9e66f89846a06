"""Looking at every image of a dataset once, before a long run meets the bad ones."""

from slotcon_mm.datasets.check.examine import Finding, examine
from slotcon_mm.datasets.check.folder_report import Report, check_folder

__all__ = ["Finding", "Report", "check_folder", "examine"]
