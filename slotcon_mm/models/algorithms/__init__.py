"""Whole methods: SlotCon, SlotMIM and their teacher; a linear probe."""
