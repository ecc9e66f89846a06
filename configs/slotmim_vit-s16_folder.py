"""SlotMIM, ViT-S/16, on your own images: every image below a folder, no annotation.

    SLOTCON_DATA=FOLDER tools/dist_train.sh configs/slotmim_vit-s16_folder.py 1

From the weights of a ViT-S/16 (DINO, iBOT, MAE, a supervised one):

    SLOTCON_DATA=FOLDER tools/dist_train.sh configs/slotmim_vit-s16_folder.py 1 --pretrained WEIGHTS

and from DINOv2's ViT-S/14, whose views and masks have patches of 14 pixels:

    ... --cfg-options model.backbone.patch_size=14 model.backbone.layer_scale_init_value=1e-5 \\
        train_dataloader.dataset.pipeline.1.mask.patch_size=14

What is "auto" here is chosen from the number of images and the device when a training begins, and each choice is
logged (configs/README.md, "Your own images").
"""

_base_ = "./slotmim_vit-s16_coco.py"

model = dict(neck=dict(num_prototypes="auto"))
train_dataloader = dict(
    batch_size="auto",  # of a process; the learning rate follows that of all (auto_scale_lr)
    dataset=dict(data_root="{{$SLOTCON_DATA:data/images}}", folders=[""]),
)
train_cfg = dict(max_epochs="auto")
