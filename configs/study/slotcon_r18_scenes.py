"""SlotCon under the study's budget: the quickstart's model, with the paper's learning rate to begin with."""

_base_ = "../slotcon_r18_quickstart.py"

# the published 1.0 for a batch of 256, for a batch of 32
optim_wrapper = dict(optimizer=dict(lr=1.0 * 32 / 256))
