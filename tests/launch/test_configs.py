"""From the command line to the config that is run."""

from __future__ import annotations

from pathlib import Path

import pytest
from runs import training_arguments

from slotcon_mm.launch import configs


@pytest.fixture
def config_file(tmp_path: Path) -> str:
    path = tmp_path / "mine.py"
    path.write_text(
        "default_scope = 'mmpretrain'\nmodel = dict(type='slotcon_mm.SlotCon')\n"
        "default_hooks = dict(checkpoint=dict(type='CheckpointHook', interval=1))\n"
    )
    return str(path)


def test_the_work_dir_is_named_after_the_config_unless_told(config_file):
    assert configs.prepare(training_arguments(config_file))[0].work_dir == "work_dirs/mine"
    assert configs.prepare(training_arguments(config_file, "--work-dir", "there"))[0].work_dir == "there"


@pytest.mark.parametrize("package", ["mmdet", "mmseg"])
def test_a_config_of_an_absent_package_is_answered_by_the_command_that_installs_it(package, tmp_path, monkeypatch):
    def absent(path: str) -> None:
        raise ImportError(f"{package} is not installed, please install {package} manually")

    monkeypatch.setattr(configs.Config, "fromfile", absent)
    monkeypatch.setattr("slotcon_mm.requirements.find_spec", lambda name: None if package in name else name)
    with pytest.raises(ImportError, match=f"mine.py needs {package}.*\n.*bash tools/setup_env.sh det,seg"):
        configs.prepare(training_arguments(str(tmp_path / "mine.py")))


def test_a_config_without_a_model_is_named_with_what_takes_it(tmp_path):
    (tmp_path / "data.py").write_text("train_dataloader = dict()")
    with pytest.raises(ValueError, match=r"a config with a model, got .*data.py, which has none .*evaluate.py --data"):
        configs.prepare(training_arguments(str(tmp_path / "data.py")))


@pytest.mark.parametrize("spelling", ["--local_rank", "--local-rank"])
def test_both_spellings_of_the_local_rank_are_taken(config_file, spelling):
    assert training_arguments(config_file, spelling, "3").local_rank == 3
