"""Every image has outputs of its own."""

from __future__ import annotations

import json
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slotcon_mm.inference import outputs
from slotcon_mm.inference.outputs import Source, list_sources, write_outputs

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


def write(folder: Path, given: object, stem: str = "a") -> Path:
    group_map = np.array([[0, 0], [1, 1]], np.uint8)
    groups = dict(name=str(given), group_map=group_map, prototypes=np.array([0, 1]), areas=np.array([2, 2]))
    return write_outputs(folder, Source(given, stem, "a.jpg"), groups, ARRAY)


def test_an_earlier_calls_outputs_are_replaced_and_those_of_another_input_stay(tmp_path):
    first = write(tmp_path, "x/a.jpg", "sub/a")
    assert first == tmp_path / "sub/a.png"
    assert write(tmp_path, "x/a.jpg", "sub/a") == first
    other = write(tmp_path, "y/a.jpg", "sub/a")
    assert other != first
    assert write(tmp_path, "y/a.jpg", "sub/a") == other
    names = {json.loads(path.read_text())["file_name"] for path in (tmp_path / "sub").glob("*.json")}
    assert names == {"x/a.jpg", "y/a.jpg"}
    assert len(list((tmp_path / "sub").glob("*.png"))) == 2


def test_a_file_is_the_same_input_however_it_is_called_and_not_that_of_another_folder(tmp_path, monkeypatch):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
    monkeypatch.chdir(tmp_path / "one")
    first = write(tmp_path, "a.jpg")
    assert write(tmp_path, "../one/a.jpg") == first
    monkeypatch.chdir(tmp_path / "two")
    assert write(tmp_path, "a.jpg") != first
    assert write(tmp_path, str(tmp_path / "one/a.jpg")) == first


def test_arrays_are_inputs_of_their_own_if_their_pixels_are(tmp_path):
    frames = [np.full((2, 2, 3), value, np.uint8) for value in range(3)]
    paths = [write(tmp_path, frame) for frame in frames]
    assert len(set(paths)) == 3
    assert [write(tmp_path, frame.copy()) for frame in frames] == paths


def test_what_a_killed_call_left_half_written_is_no_other_inputs(tmp_path):
    image = write(tmp_path, "a.jpg")
    for path in (image, image.with_suffix(".json")):
        for kept in (path.read_bytes()[:-20], b""):
            path.write_bytes(kept)
            assert write(tmp_path, "a.jpg") == image
        image.with_suffix(".json").unlink()
        assert write(tmp_path, "a.jpg") == image
    assert json.loads((tmp_path / "a.json").read_text())["file_name"] == "a.jpg"


@pytest.mark.parametrize("name", ["a.json", "a.png", "a-%s.json", "a-%s.png"])
def test_a_file_of_the_users_own_stays(tmp_path, name):
    own = tmp_path / (name % Source("a.jpg", "a", "a.jpg").identity[:8] if "%" in name else name)
    taken = write(tmp_path, "b.jpg") if "%" in name else None  # the next name is asked for then
    own.write_text("[1, 2]")
    found = [write(tmp_path, "a.jpg") for _ in range(2)]
    assert found[0] == found[1]
    assert own.read_text() == "[1, 2]"
    assert not {own, taken} & {found[0], found[0].with_suffix(".json")}


def test_a_folder_of_that_name_stays(tmp_path):
    (tmp_path / "a.json").mkdir()
    assert write(tmp_path, "a.jpg") != tmp_path / "a.png"


def test_overlays_beside_the_images_leave_these_alone_and_are_no_images(tmp_path):
    photo = tmp_path / "photos/a.png"
    photo.parent.mkdir()
    Image.fromarray(ARRAY).save(photo)
    before = photo.read_bytes()
    for _ in range(2):
        sources = list_sources(photo.parent)
        assert [source.given for source in sources] == [str(photo)]
        written = write(photo.parent, sources[0].given)
    assert photo.read_bytes() == before
    assert sorted(photo.parent.glob("*.png")) == sorted([photo, written])


@pytest.fixture
def said(monkeypatch) -> list[str]:
    lines: list[str] = []
    monkeypatch.setattr(outputs, "print_log", lambda line, *args, **options: lines.append(line))
    return lines


def test_what_another_run_wrote_below_the_images_is_none_of_them(tmp_path, said):
    """Into a folder of another name, or one that is called by a link."""
    (tmp_path / "in/groups").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "in/groups")
    images = [tmp_path / "in/a.png", tmp_path / "in/b.jpg"]
    for image in images:
        Image.fromarray(ARRAY).save(image)
        written = write(tmp_path / "link", image, image.stem)
    assert [source.given for source in list_sources(tmp_path / "in")] == [str(image) for image in images]
    assert said == [
        f"not read as images below {tmp_path}/in: 2 PNGs that infer.py has written, {tmp_path}/in/groups/a.png for one"
    ]
    assert [source.given for source in list_sources([written])] == [written]  # a file is what it is called
    with pytest.raises(ValueError, match=r"expected images below .*/in/groups, got only 2 PNGs .* name the files"):
        list_sources(tmp_path / "in/groups")


def empty_files(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def test_an_image_beside_a_folder_of_its_outputs_name_keeps_its_suffix(tmp_path):
    tree = empty_files(tmp_path / "in", "a.jpg", "a.PNG/b.jpg", "c.jpg", "c.json/d/e.jpg", "f.jpg", "f/g.jpg")
    assert stems(tree) == ["a.PNG/b", "a.jpg", "c.jpg", "c.json/d/e", "f", "f/g"]
    for source in list_sources(tree):
        assert write(tmp_path / "out", source.given, source.stem) == tmp_path / f"out/{source.stem}.png"
    harder = empty_files(tmp_path / "harder", "a.jpg", "a.png/b.jpg", "a.jpg.png/c.jpg")
    assert stems(harder) == ["a.jpg-2", "a.jpg.png/c", "a.png/b"]


def test_a_folder_whose_name_an_earlier_output_has_gets_a_number(tmp_path):
    assert write(tmp_path, "in/a.jpg", "a") == tmp_path / "a.png"
    for _ in range(2):
        assert write(tmp_path, "in/a.png/b.jpg", "a.png/b") == tmp_path / "a.png-2/b.png"


@pytest.mark.parametrize("letter", ["x", "é", "\n"])
def test_names_that_leave_no_room_for_a_suffix_are_shortened_and_stay_apart(letter, tmp_path):
    length = 251 // len(letter.encode())
    names = [f"{letter * (length - 1)}{end}.jpg" for end in "ab"] + [f"{letter * (length - 2)}/a.jpg"]
    tree = empty_files(tmp_path / "in", *names)
    sources = list_sources(tree)
    assert sorted(source.file_name for source in sources) == sorted(names)
    for _ in range(2):
        written = {write(tmp_path / "out", source.given, source.stem) for source in sources}
        assert len(written) == len(list((tmp_path / "out").rglob("*.png"))) == 3
    with_digests = {write(tmp_path / "out", f"other/{source.stem}", source.stem) for source in sources}
    assert not with_digests & written


def test_an_image_that_is_given_twice_is_taken_once_where_files_are_written(tmp_path, said, monkeypatch):
    tree = empty_files(tmp_path / "in", "a.jpg", "b/c.jpg")
    monkeypatch.chdir(tree)
    given = [tree, "b", "https://host/a.png", "https://host/a.png", str(tree / "a.jpg"), ARRAY, ARRAY]
    assert file_names(given) == ["a.jpg", "b/c.jpg", "https://host/a.png", "array", "array-2"]
    assert said == ["images that are given more than once are taken once: 3 left out"]
    assert len(list_sources(given, once=False)) == 8


def test_an_image_of_too_many_pixels_is_an_input_as_any_other(tmp_path):
    """It is refused where pixels are read."""
    image = Image.new("1", (8, 8))
    image.save(tmp_path / "a.png")
    data = bytearray((tmp_path / "a.png").read_bytes())
    data[16:24] = (20_000).to_bytes(4, "big") * 2
    data[29:33] = zlib.crc32(bytes(data[12:29])).to_bytes(4, "big")
    (tmp_path / "a.png").write_bytes(bytes(data))
    assert len(list_sources(tmp_path)) == 1
