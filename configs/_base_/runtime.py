"""What every pretraining config shares: hooks, logging, seed."""

default_scope = "mmpretrain"  # parts of this package carry the prefix slotcon_mm.
default_hooks = dict(
    runtime_info=dict(type="slotcon_mm.DeviceScalarsHook"),
    timer=dict(type="IterTimerHook"),
    logger=dict(type="LoggerHook", interval=50),
    param_scheduler=dict(type="ParamSchedulerHook"),
    sampler_seed=dict(type="DistSamplerSeedHook"),
    # the last two, and every 100th for good
    checkpoint=dict(type="slotcon_mm.PlainCheckpointHook", interval=10, max_keep_ckpts=2, keep_every=100),
)
custom_hooks = [
    dict(type="slotcon_mm.SampleSeedHook"),
    dict(type="slotcon_mm.StepSeedHook"),
    dict(type="slotcon_mm.FiniteGuardHook"),
    dict(type="slotcon_mm.RankAgreementHook"),
    dict(type="slotcon_mm.UnreadableImagesHook"),
    dict(type="slotcon_mm.TeacherStepsHook"),
    dict(type="slotcon_mm.ThroughputHook"),
    dict(type="slotcon_mm.CollapseMonitorHook", interval=1),
    # six images and their groups, into the backends of the visualizer
    dict(type="slotcon_mm.GroupVisualizationHook", num_images=6, interval=10),
]
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method="fork", opencv_num_threads=0),
    dist_cfg=dict(backend="nccl"),
)
# used with several processes; gradients live in the buckets that are reduced, which saves a copy of each
model_wrapper_cfg = dict(type="MMDistributedDataParallel", broadcast_buffers=False, gradient_as_bucket_view=True)
# --cfg-options visualizer.vis_backends.0.type=TensorboardVisBackend (or WandbVisBackend) for the others of MMEngine
visualizer = dict(type="UniversalVisualizer", vis_backends=[dict(type="LocalVisBackend")])
log_level = "INFO"
log_processor = dict(window_size=50)
randomness = dict(seed=0)
