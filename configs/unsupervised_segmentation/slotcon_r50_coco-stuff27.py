"""Unsupervised semantic segmentation on COCO-Stuff-27: a pretraining's groups against 27 classes.

    python tools/test.py configs/unsupervised_segmentation/slotcon_r50_coco-stuff27.py work_dirs/slotcon_r50_coco

PiCIE's protocol, every switch of which is in _base_/coco-stuff27.py. The paper reports mIoU 18.26 and pixel accuracy
42.36 and leaves open which images, K and resolution they stand for; the log prints ours with the result. For K = 27
inherit from this file and set ``model.neck.num_prototypes=27``, or see slotcon_r50_coco-stuff27_k27.py.
"""

_base_ = ["../slotcon_r50_coco.py", "./_base_/coco-stuff27.py"]

model = dict(test_cfg=dict(flip=False))  # True: scores are averaged with the mirrored image's
