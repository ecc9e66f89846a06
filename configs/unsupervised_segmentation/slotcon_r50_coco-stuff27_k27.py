"""As slotcon_r50_coco-stuff27.py for configs/slotcon_r50_coco_k27.py: 27 prototypes, matched one to one."""

_base_ = "./slotcon_r50_coco-stuff27.py"

model = dict(neck=dict(num_prototypes=27))
