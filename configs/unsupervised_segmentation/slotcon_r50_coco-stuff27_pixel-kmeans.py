"""As slotcon_r50_coco-stuff27.py, with 27 groups by k-means of pixel features instead of the prototypes."""

_base_ = "./slotcon_r50_coco-stuff27.py"

custom_hooks = [dict(type="slotcon_mm.PixelClustersHook", num_clusters=27)]
