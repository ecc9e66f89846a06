"""What checkpoints hold, and which are kept."""

from __future__ import annotations

import pytest

from slotcon_mm.engine.checkpoint_hook import PlainCheckpointHook, plain_values


def test_only_plain_values_are_kept():
    values = dict(a=1, b=[1.5, "x", None], c=dict(d=(1, 2)), e=object(), f=[object()], g={1: "x"})
    assert set(plain_values(values)) == {"a", "b", "c", "g"}


def test_the_message_hub_is_saved_in_the_form_that_mmengine_resumes():
    checkpoint = dict(message_hub=dict(log_scalars=dict(x=object()), runtime_info=dict(iter=3, cfg=object())))
    PlainCheckpointHook(interval=1).before_save_checkpoint(None, checkpoint)
    assert checkpoint["message_hub"] == dict(log_scalars={}, runtime_info=dict(iter=3), resumed_keys=dict(iter=True))


def test_a_negative_keep_every_is_refused():
    with pytest.raises(ValueError, match="keep_every"):
        PlainCheckpointHook(interval=1, keep_every=-1)
