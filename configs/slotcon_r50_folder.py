"""SlotCon on your own images: every image below a folder, no annotation.

    SLOTCON_DATA=FOLDER tools/dist_train.sh configs/slotcon_r50_folder.py 1

or, instead of the variable, --cfg-options train_dataloader.dataset.data_root=FOLDER. configs/README.md says which
numbers of prototypes and epochs suit how many images.
"""

_base_ = "./slotcon_r50_coco.py"

train_dataloader = dict(dataset=dict(data_root="{{$SLOTCON_DATA:data/images}}", folders=[""]))
