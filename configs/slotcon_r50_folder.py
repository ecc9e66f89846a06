"""SlotCon on your own images: every image below a folder, no annotation.

    SLOTCON_DATA=FOLDER tools/dist_train.sh configs/slotcon_r50_folder.py 1

or, instead of the variable, --cfg-options train_dataloader.dataset.data_root=FOLDER. What is "auto" here is chosen from
the number of images and the device when a training begins, and each choice is logged (configs/README.md, "Your own
images"); --cfg-options model.neck.num_prototypes=128 train_cfg.max_epochs=400 and the like set it.
"""

_base_ = "./slotcon_r50_coco.py"

model = dict(neck=dict(num_prototypes="auto"))
train_dataloader = dict(
    batch_size="auto",  # of a process; the learning rate follows that of all (auto_scale_lr)
    dataset=dict(data_root="{{$SLOTCON_DATA:data/images}}", folders=[""]),
)
train_cfg = dict(max_epochs="auto")
