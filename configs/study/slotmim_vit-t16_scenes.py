"""SlotMIM under the study's budget: the quickstart's model, with the paper's learning rate to begin with, and no BN."""

_base_ = "../slotmim_vit-t16_quickstart.py"

model = dict(neck=dict(norm=False), slot_head=dict(norm=False))
# the published 1.5e-4 for a batch of 256, for a batch of 32
optim_wrapper = dict(optimizer=dict(lr=1.5e-4 * 32 / 256))
