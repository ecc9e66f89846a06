"""Whole methods: SlotCon and its teacher; a linear probe."""
