"""YAML and JSON configs run nothing."""

from __future__ import annotations

import json
from pathlib import Path

import mmengine
import pytest
import yaml
from mmengine.config import Config

from slotcon_mm.launch.data_configs import expect_data_only

TAG = "a: !!python/object/apply:os.mkdir [{}]\n"


def write(path: Path, content: dict) -> str:
    path.write_text(json.dumps(content))
    return str(path)


def test_plain_yaml_and_json_pass_and_load(tmp_path):
    content = dict(
        model=dict(type="slotcon_mm.SlotCon", norm_cfg=dict(type="SyncBN")), hooks=[dict(type="A")], n=[1, 2.5]
    )
    (tmp_path / "a.yaml").write_text(yaml.safe_dump(content))
    for path in (str(tmp_path / "a.yaml"), write(tmp_path / "a.json", content)):
        expect_data_only(path)
        assert Config.fromfile(path).to_dict() == content


@pytest.mark.parametrize("suffix", [".yaml", ".yml"])
def test_yaml_tags_are_refused_by_every_reader_of_mmengine(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_text(TAG.format(tmp_path / "ran"))
    with pytest.raises(ValueError, match=r"config that is data only.*could not determine a constructor"):
        expect_data_only(str(path))
    with pytest.raises(yaml.YAMLError):
        mmengine.load(path)
    with pytest.raises(yaml.YAMLError):
        Config.fromfile(path)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (dict(custom_imports=dict(imports=["this"])), "it has custom_imports"),
        (dict(_base_="other.py"), "it inherits from other.py, which is a program"),
        (dict(_base_=["a.json", "../b.py"]), "it inherits from ../b.py"),
        (dict(custom_hooks=[dict(type="os.system", command="true")]), "type='os.system' names something outside"),
        (dict(a=dict(b=[[dict(type="subprocess.Popen")]])), "subprocess.Popen"),
        (dict(type="mmengine.fileio.load"), "mmengine.fileio.load"),
        (dict(type="mmengine.load"), "mmengine.load"),
        (dict(runner_type="os.system"), "runner_type='os.system'"),
        (dict(optim_wrapper=dict(constructor="a.b.C")), "constructor='a.b.C'"),
    ],
)
def test_what_would_run_code_is_refused_with_the_reason(tmp_path, content, reason):
    write(tmp_path / "a.json", {})
    with pytest.raises(ValueError, match="data only") as error:
        expect_data_only(write(tmp_path / "c.json", content))
    assert reason in str(error.value)
    assert str(error.value).endswith("Write it as a Python config instead")


def test_bases_are_looked_at_too(tmp_path):
    (tmp_path / "base.yaml").write_text(TAG.format(tmp_path / "ran"))
    with pytest.raises(ValueError, match=r"base.yaml"):
        expect_data_only(write(tmp_path / "c.json", dict(_base_="base.yaml")))


def test_bases_of_installed_packages_and_python_configs_pass(tmp_path):
    expect_data_only(write(tmp_path / "c.json", dict(_base_="slotcon_mm::ablations/slotcon_r50_coco_k64.py")))
    (tmp_path / "c.py").write_text("import os")
    expect_data_only(str(tmp_path / "c.py"))


@pytest.mark.parametrize("text", ["[1, 2]", "{", "null"])
def test_what_is_no_config_is_named(tmp_path, text):
    (tmp_path / "c.json").write_text(text)
    with pytest.raises(ValueError, match=r"expected a config .*c.json"):
        expect_data_only(str(tmp_path / "c.json"))
