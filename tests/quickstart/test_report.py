"""The HTML report."""

from __future__ import annotations

import numpy as np

from slotcon_mm.quickstart.report import Row, write_report
from slotcon_mm.visualization.curves import write_curves


def test_a_report_escapes_names_and_holds_its_images(tmp_path):
    write_curves(tmp_path / "c.png", {"loss": ([1, 2], [2.0, 1.0])}, across="step")
    image = np.zeros((8, 8, 3), np.uint8)
    path = tmp_path / "r.html"
    columns = {"<b>": [image, image], "after": [image, image]}
    rows = [Row("<script>", 0.5, 0.25, True)]
    transfer = [["<i>FCN</i>", "1.0", "2.0", "+1.0"]]
    write_report(
        path, title="<t>", summary="s", rows=rows, note="n", columns=columns, curves=tmp_path / "c.png",
        sheet=tmp_path / "c.png", transfer=transfer, transfer_note="three seeds",
    )  # fmt: skip
    text = path.read_text()
    assert "<script>" not in text
    assert "&lt;script&gt;" in text
    assert "<td>50.0</td><td>25.0</td>" in text
    assert text.count("data:image/jpeg;base64,") == 4 + 1
    assert "<td>&lt;i&gt;FCN&lt;/i&gt;</td><td>1.0</td><td>2.0</td><td>+1.0</td>" in text
