"""SlotCon with 27 prototypes on COCO: one for each class of COCO-Stuff-27, for one-to-one matching.

tools/dist_train.sh configs/slotcon_r50_coco_k27.py 8
"""

_base_ = "./slotcon_r50_coco.py"

model = dict(neck=dict(num_prototypes=27))
