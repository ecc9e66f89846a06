"""Every image has outputs of its own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from slotcon_mm.inference.outputs import list_sources, write_outputs

ARRAY = np.zeros((2, 2, 3), np.uint8)


def stems(inputs: object) -> list[str]:
    return [source.stem for source in list_sources(inputs)]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name in ("one/a.jpg", "one/sub/a.jpg", "one/sub/a.png", "two/a.jpg", "two/A.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def test_a_folders_tree_is_mirrored_and_equal_names_keep_their_suffix(tree):
    assert stems(str(tree / "one")) == ["a", "sub/a.jpg", "sub/a.png"]


def test_several_folders_go_by_their_names(tree):
    assert stems([tree / "one", f"{tree}/two/"]) == [
        "one/a", "one/sub/a.jpg", "one/sub/a.png", "two/A.jpg", "two/a.jpg-2",
    ]  # fmt: skip


def test_what_is_left_alike_is_numbered_around_names_that_are_taken():
    assert stems([ARRAY, ARRAY, "array-2", ARRAY]) == ["array", "array-2", "array-2-2", "array-3"]


def test_files_and_addresses_go_by_their_names(tree):
    given = [str(tree / "one/a.jpg"), "https://host/b/c.png?size=2", str(tree / "two/a.jpg")]
    assert stems(given) == ["a.jpg", "c", "a.jpg-2"]


def file_names(inputs: object) -> list[str]:
    return [source.file_name for source in list_sources(inputs)]


def test_file_names_are_paths_below_the_given_folder_or_below_the_one_that_all_inputs_share(tree, monkeypatch):
    assert file_names(tree / "one") == ["a.jpg", "sub/a.jpg", "sub/a.png"]
    assert file_names(tree / "one/sub") == ["a.jpg", "a.png"]
    assert file_names(str(tree / "one/sub/a.jpg")) == ["a.jpg"]
    assert file_names([tree / "one/sub/a.jpg", tree / "one/a.jpg"]) == ["sub/a.jpg", "a.jpg"]
    assert file_names([tree / "one/sub", tree / "two"]) == ["one/sub/a.jpg", "one/sub/a.png", "two/A.jpg", "two/a.jpg"]
    monkeypatch.chdir(tree / "one")
    assert file_names([".", "../two/a.jpg"]) == ["one/a.jpg", "one/sub/a.jpg", "one/sub/a.png", "two/a.jpg"]


def test_addresses_and_arrays_are_called_as_they_are_given(tree):
    given = ["https://host/a.png", ARRAY, tree / "one/a.jpg"]
    assert file_names(given) == ["https://host/a.png", "array", "a.jpg"]
    assert file_names("https://host/a.png") == ["https://host/a.png"]


def test_no_name_leads_out_of_the_folder_or_breaks_a_line():
    assert stems(["x/..\\y.png", "a\nb.png", "https://host/.."]) == [".._y", "a_nb", ".."]


def prediction(name: str) -> dict:
    group_map = np.array([[0, 0], [1, 1]], np.uint8)
    return dict(name=name, group_map=group_map, prototypes=np.array([0, 1]), areas=np.array([2, 2]))


def test_an_earlier_calls_outputs_are_replaced_and_those_of_another_input_stay(tmp_path):
    first = write_outputs(tmp_path, "sub/a", prediction("x/a.jpg"), ARRAY)
    assert first == tmp_path / "sub/a.png"
    assert write_outputs(tmp_path, "sub/a", prediction("x/a.jpg"), ARRAY) == first
    other = write_outputs(tmp_path, "sub/a", prediction("y/a.jpg"), ARRAY)
    assert other != first
    assert write_outputs(tmp_path, "sub/a", prediction("y/a.jpg"), ARRAY) == other
    names = {json.loads(path.read_text())["file_name"] for path in (tmp_path / "sub").glob("*.json")}
    assert names == {"x/a.jpg", "y/a.jpg"}
    assert len(list((tmp_path / "sub").glob("*.png"))) == 2


def test_what_a_killed_call_left_half_written_is_no_other_inputs(tmp_path):
    (tmp_path / "a.json").write_text('{"file_name": "a.j')
    assert write_outputs(tmp_path, "a", prediction("a.jpg"), ARRAY) == tmp_path / "a.png"
    assert json.loads((tmp_path / "a.json").read_text())["file_name"] == "a.jpg"


def test_a_json_file_of_the_users_own_stays(tmp_path):
    (tmp_path / "a.json").write_text("[1, 2]")
    assert write_outputs(tmp_path, "a", prediction("a.jpg"), ARRAY) != tmp_path / "a.png"
    assert (tmp_path / "a.json").read_text() == "[1, 2]"
