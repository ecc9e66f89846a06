"""SlotCon under the study's budget: the quickstart's config as it is."""

_base_ = "../slotcon_r18_quickstart.py"
