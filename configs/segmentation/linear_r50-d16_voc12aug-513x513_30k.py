"""Linear probe: a 1x1 convolution on the frozen features of a ResNet-50 at output stride 16, VOC 2012 (augmented).

What the features tell without fine-tuning. Data, batch and length are those of the FCN; the paper reports no number for
it, and the learning rate is this project's choice.
"""

_base_ = "./fcn_r50-d16_voc12aug-513x513_30k.py"

model = dict(
    backbone=dict(frozen_stages=4, norm_eval=True),
    decode_head=dict(num_convs=0, channels=2048),
)
optim_wrapper = dict(optimizer=dict(lr=0.01))
