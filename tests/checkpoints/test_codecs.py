"""Bytes in files are latin-1."""

from __future__ import annotations

import _codecs

import numpy as np
import pytest
import torch
import torch._weights_only_unpickler as unpickler
from crafted_files import WEIGHT, archive, call, dictionary, named, text

from slotcon_mm.checkpoints.codecs import encode_latin1, latin1_only
from slotcon_mm.checkpoints.safe_loading import load_weights


def test_bytes_come_back(tmp_path):
    torch.save(dict(state_dict={}, a=bytes(range(256)), best=np.float64(0.5)), tmp_path / "a.pth")
    found = load_weights(str(tmp_path / "a.pth"))
    assert found == dict(state_dict={}, a=bytes(range(256)))


@pytest.mark.parametrize("codec", ["punycode", "Puny_Code", "idna", "nowhere"])
def test_no_other_codec_is_used(codec, tmp_path):
    """Punycode takes hours for a file of 200 KB."""
    asked = call(named("_codecs", "encode"), text("".join(map(chr, range(0x4E00, 0x9E00))) * 4), text(codec))
    path = archive(tmp_path / "slow.pth", dictionary(state_dict=dictionary(w=WEIGHT), x=asked))
    with pytest.raises(ValueError, match=f"slow.pth, which torch .* bytes written as latin-1, got '{codec}'"):
        load_weights(str(path))


def test_torchs_own_is_there_afterwards():
    with latin1_only():
        assert unpickler._get_allowed_globals()["_codecs.encode"] is encode_latin1
    assert unpickler._get_allowed_globals()["_codecs.encode"] is _codecs.encode
