"""Places of objects: boxes of an annotation, regions of a scene, masks at another size."""

import numpy as np
import pytest

from inficond_panel.errors import DataError
from precompute.datasets.dataset import small_mask
from precompute.datasets.published import voc_foreground

ANNOTATION = """<annotation><size><width>10</width><height>6</height></size>
<object><name>cat</name><bndbox><xmin>2</xmin><ymin>1</ymin><xmax>4</xmax><ymax>3</ymax></bndbox>
</object><object><name>dog</name><bndbox><xmin>9.4</xmin><ymin>5</ymin><xmax>12</xmax><ymax>6</ymax>
</bndbox></object></annotation>"""


def test_boxes_count_pixels_from_one_and_hold_their_last(tmp_path):
    (tmp_path / "a.xml").write_text(ANNOTATION)
    mask = voc_foreground(tmp_path / "a.xml", ("cat", "dog"))
    expected = np.zeros((6, 10), bool)
    expected[0:3, 1:4] = expected[4:6, 8:10] = True
    assert np.array_equal(mask, expected)
    assert voc_foreground(tmp_path / "a.xml", ("cat",)).sum() == 9


@pytest.mark.parametrize("lost", ["<width>10</width>", "<xmin>2</xmin>"])
def test_an_annotation_without_places_is_told(tmp_path, lost):
    (tmp_path / "a.xml").write_text(ANNOTATION.replace(lost, ""))
    with pytest.raises(DataError, match="no valid size or boxes"):
        voc_foreground(tmp_path / "a.xml", ("cat",))


def test_a_pixel_of_a_small_mask_is_foreground_where_half_of_it_is():
    mask = np.zeros((4, 8), bool)
    mask[:2, :2] = mask[2, 2:4] = mask[3, 7] = True
    assert small_mask(mask, (4, 2)).tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]
