"""Names in VOC's annotations are compared with the classes."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from slotcon_mm.launch.labeled_data.detection_data import expect_detection_data
from slotcon_mm.launch.labeled_data.xml_names import expect_xml_names


def write(root: Path, **names: str) -> None:
    """An annotation for each of ``names``, with an object of each word in it, and a list of them all."""
    (root / "Annotations").mkdir()
    for image, words in names.items():
        objects = "".join(f"<object><name>{word}</name></object>" for word in words.split())
        (root / "Annotations" / f"{image}.xml").write_text(f"<annotation>{objects}</annotation>")
    (root / "list.txt").write_text("\n".join(names) + "\n")


def config(root: Path, *classes: str, kind: str = "VOCDataset", **loaders: Path) -> Config:
    def dataset(root: Path) -> dict:
        read = dict(type=kind, data_root=str(root), ann_file="list.txt", data_prefix=dict(sub_data_root=""))
        return dict(dataset=dict(read, metainfo=dict(classes=classes)))

    others = {loader: dataset(path) for loader, path in loaders.items()}
    return Config(dict(default_scope="mmdet", train_dataloader=dataset(root), **others))


def test_names_that_are_the_classes_pass(tmp_path):
    write(tmp_path, a="bolt", b="nut bolt")
    assert expect_xml_names(config(tmp_path, "bolt", "nut")) == ([], [(str(tmp_path / "list.txt"), ["bolt", "nut"])])


@pytest.mark.parametrize("kind", ["VOCDataset", "XMLDataset", "mmdet.XMLDataset"])
def test_a_misspelt_class_is_refused_with_the_names_that_there_are(tmp_path, kind):
    write(tmp_path, a="bolt", b="nut bolt", c="washer")
    with pytest.raises(
        ValueError, match=r"of .*list.txt, got none of nutt in 3 files. Other names in them: nut, washer"
    ):
        expect_xml_names(config(tmp_path, "bolt", "nutt", kind=kind))


def test_a_class_that_no_image_has_is_said(tmp_path):
    write(tmp_path, a="bolt")
    (note,), _ = expect_xml_names(config(tmp_path, "bolt", "nut"))
    assert note == f"{tmp_path / 'list.txt'}: no annotation has an object of these classes: nut"


def test_a_class_need_not_be_in_each_list(tmp_path):
    for name in "train", "val":
        (tmp_path / name).mkdir()
    write(tmp_path / "train", a="bolt", b="nut")
    write(tmp_path / "val", a="bolt washer")
    assert expect_xml_names(config(tmp_path / "val", "bolt", "nut", val_dataloader=tmp_path / "train"))[0] == []


def test_annotations_without_objects_are_refused(tmp_path):
    write(tmp_path, a="", b="")
    with pytest.raises(ValueError, match=r"got none of bolt in 2 files. Other names in them: none"):
        expect_xml_names(config(tmp_path, "bolt"))


def test_files_are_read_until_each_class_is_found(tmp_path):
    write(tmp_path, a="bolt nut", b="")
    (tmp_path / "Annotations" / "b.xml").write_text("no XML")
    assert expect_xml_names(config(tmp_path, "bolt", "nut"))[0] == []
    with pytest.raises(ValueError, match=r"expected annotations in XML, got .*b.xml \(syntax error"):
        expect_xml_names(config(tmp_path, "bolt", "nutt"))


def test_faces_lie_in_the_folder_of_images(tmp_path):
    write(tmp_path, a="head")
    faces = config(tmp_path, "face", kind="WIDERFaceDataset")
    faces.train_dataloader.dataset.data_prefix = dict(img="")
    with pytest.raises(ValueError, match=r"got none of face in 1 files. Other names in them: head"):
        expect_xml_names(faces)


def test_one_order_holds_for_all_datasets(tmp_path):
    write(tmp_path, a="bolt nut")
    both = config(tmp_path, "bolt", "nut", val_dataloader=tmp_path)
    both.val_dataloader.dataset.metainfo.classes = ("nut", "bolt")
    with pytest.raises(ValueError, match="the same classes in one order in all datasets"):
        expect_detection_data(both)
