"""The page and the sheet."""

from __future__ import annotations

import json
import re

import cv2
import numpy as np

from slotcon_mm.visualization.gallery import Gallery
from slotcon_mm.visualization.gallery_page import mark_region, write_gallery


def test_every_link_and_thumbnail_of_the_page_is_there(tmp_path):
    gallery = Gallery(3, top=2, class_names=("a", "b"))
    scores = np.zeros((3, 2, 2))
    scores[1, :, 0] = scores[2, :, 1] = 1
    for name in ("a<b.jpg", "c.jpg", "d.jpg"):
        gallery.add(name, scores)
    gallery.confusion_KC[2] = [3, 1]
    page = write_gallery(
        gallery, tmp_path, read=lambda path: np.full((30, 30, 3), 200, np.uint8), class_names=["sky", "dog"], title="T",
        fingerprint="f", names={2: "a's </script>"},
    )  # fmt: skip
    text = page.read_text()
    sources = re.findall(r"src='([^']+)'", text)
    assert sorted(sources) == [f"thumbnails/{k}-{i}.jpg" for k in (1, 2) for i in (0, 1)]
    assert all((tmp_path / source).is_file() for source in sources)
    assert set(re.findall(r"href='#(p\d)'", text)) == set(re.findall(r"id='(p\d)'", text)) == {"p1", "p2"}
    assert re.findall(r"data-prototype='(\d)' value='([^']*)'", text) == [("1", ""), ("2", "a&#x27;s &lt;/script&gt;")]
    given = re.search(r"id='given'>(.*?)</script>", text)[1]
    assert json.loads(given) == dict(prototypes=3, fingerprint="f", names={"2": "a's </script>"})
    assert not re.search(r"(src|href)=.https?:|@import|url\(", text)
    assert "75 % sky" in text
    assert "a&lt;b.jpg" in text
    assert "3 images; 2 of 3 prototypes" in text
    assert cv2.imread(str(tmp_path / "sheet.png")).shape == (2 * 112, 3 * 112, 3)


def test_a_region_keeps_its_colors_and_the_rest_is_dimmed():
    image = np.full((40, 40, 3), (250, 60, 10), np.uint8)
    region = np.array([[True, False], [True, False]])
    marked = mark_region(image, region, np.array([0, 0, 255]))
    assert marked[20, 5].tolist() == [250, 60, 10]
    assert marked[20, 35].tolist() == [127, 61, 43]
    assert (marked == [0, 0, 255]).all(axis=2).any()
