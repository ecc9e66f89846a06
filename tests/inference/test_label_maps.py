"""Label maps of named groups, and their legends."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slotcon_mm.datasets.label_files import read_values
from slotcon_mm.inference.group_names import GroupNames
from slotcon_mm.inference.label_maps import label_maps
from slotcon_mm.inference.outputs import Source

NAMES = GroupNames(("car", "traffic light"), np.array([1, 0, 2, 1], np.uint8))
GROUPS = np.array([[0, 1, 2], [3, 3, 2]], np.uint8)


def source(stem: str, folder: str = "in") -> Source:
    return Source(f"{folder}/{stem}.jpg", stem, f"{stem}.jpg")


def write(out: Path, *sources: Source, names: GroupNames = NAMES) -> list[Path]:
    with label_maps(out, names, sources) as add:
        return [add(item, dict(name=str(item.given), group_map=GROUPS)) for item in sources]


def test_values_are_categories_and_the_legends_say_which(tmp_path):
    (path,) = write(tmp_path, source("sub/a"))
    assert path == tmp_path / "SegmentationClass/sub/a.png"
    np.testing.assert_array_equal(read_values(str(path)), [[1, 0, 2], [1, 1, 2]])
    assert (tmp_path / "classes.txt").read_text() == "background,0\ncar,1\ntraffic light,2\n"
    assert (tmp_path / "ImageSets/Segmentation/default.txt").read_text() == "sub/a\n"


def test_the_colors_of_a_map_are_those_of_cvats_legend(tmp_path):
    (path,) = write(tmp_path, source("a"))
    with Image.open(path) as image:
        assert image.mode == "P"
        colors = np.array(image.convert("RGB"))
    lines = [line.split(":") for line in (tmp_path / "labelmap.txt").read_text().splitlines()]
    legend = {name: [int(value) for value in color.split(",")] for name, color, _, _ in lines}
    assert list(legend) == ["background", "car", "traffic light"]
    assert colors[0].tolist() == [legend["car"], legend["background"], legend["traffic light"]]
    assert legend["background"] == [0, 0, 0]


def test_255_names_fit_and_more_are_refused(tmp_path):
    most = GroupNames(tuple(f"n{i:03}" for i in range(255)), np.arange(1, 256, dtype=np.uint8))
    write(tmp_path / "most", source("a"), names=most)
    colors = [line.split(":")[1] for line in (tmp_path / "most/labelmap.txt").read_text().splitlines()]
    assert len(set(colors)) == 256
    more = GroupNames((*most.categories, "z"), np.arange(256, dtype=np.uint16))
    with pytest.raises(ValueError, match=r"at most 255 names for --format labelmap, got 256: give .* --format coco"):
        write(tmp_path / "more", source("a"), names=more)


@pytest.mark.parametrize("name", ["a,b", "a:b", "#a"])
def test_names_that_a_legend_cannot_hold_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match=f'got "{name}": rename it'):
        write(tmp_path, source("a"), names=GroupNames((name,), np.array([1], np.uint8)))
    assert not list(tmp_path.iterdir())


def test_a_second_call_replaces_its_own_maps_and_those_of_another_input_stay(tmp_path):
    first = write(tmp_path, source("a"), source("b"))
    assert write(tmp_path, source("a"), source("b")) == first
    (other,) = write(tmp_path, source("a", folder="other"))
    assert other not in first
    stranger = tmp_path / "SegmentationClass/c.png"
    Image.fromarray(GROUPS).save(stranger)
    before = stranger.read_bytes()
    assert write(tmp_path, source("c")) != [stranger]
    assert stranger.read_bytes() == before
    listed = (tmp_path / "ImageSets/Segmentation/default.txt").read_text().split()
    maps = (tmp_path / "SegmentationClass").iterdir()
    assert {*listed, "c"} == {path.stem for path in maps}


def test_what_a_killed_call_left_half_written_is_no_other_inputs(tmp_path):
    (path,) = write(tmp_path, source("a"))
    path.write_bytes(path.read_bytes()[:-20])
    assert write(tmp_path, source("a")) == [path]
    assert read_values(str(path)).shape == (2, 3)


@pytest.mark.parametrize("name", ["classes.txt", "labelmap.txt"])
def test_a_legend_of_the_users_own_stays(tmp_path, name):
    (tmp_path / name).write_text("road, sky")
    with pytest.raises(ValueError, match=rf"another file of that name: .*{name}. Write into another folder"):
        write(tmp_path, source("a"))
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text() == "road, sky"


def test_a_call_that_a_kill_ended_before_its_list_goes_on(tmp_path):
    write(tmp_path, source("a"))
    (tmp_path / "ImageSets/Segmentation/default.txt").unlink()
    assert len(write(tmp_path, source("a"))) == 1


def test_other_names_replace_the_legend_where_all_maps_are_drawn_anew_and_are_refused_where_some_would_lie(tmp_path):
    write(tmp_path, source("a"), source("b"))
    others = GroupNames(("bus",), np.array([1, 0, 0, 0], np.uint8))
    with pytest.raises(ValueError, match=r"expected the names of .*classes\.txt, by which 1 other images .*\(b, say\)"):
        write(tmp_path, source("a"), names=others)
    assert "car" in (tmp_path / "classes.txt").read_text()
    write(tmp_path, source("a"), source("b"), names=others)
    assert (tmp_path / "classes.txt").read_text() == "background,0\nbus,1\n"
