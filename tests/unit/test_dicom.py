"""Photos in DICOM: levels by the file's window, or by dataset.grey, against the standard's sums."""

import sys
import tracemalloc

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("pydicom")

from pydicom import Dataset, FileMetaDataset, dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    RLELossless,
    SecondaryCaptureImageStorage,
)

from inficond_panel.store.images import UnreadableImage, decode

#: Levels 0 to 4095, as a detector of 12 bits gives them.
LEVELS = np.linspace(0, 4095, 20 * 30).reshape(20, 30).astype(np.uint16)


def empty(syntax=ExplicitVRLittleEndian):
    """A file's data without an image."""
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = syntax
    data.SOPClassUID, data.SOPInstanceUID = SecondaryCaptureImageStorage, "1.2.3"
    data.PatientName = "Nobody^Known"
    return data


def dicom(path, levels=LEVELS, syntax=ExplicitVRLittleEndian, **tags):
    """Write a file of one frame, or of several if ``levels`` has a further first axis."""
    data, frames = empty(syntax), levels if levels.ndim == 3 else levels[None]
    data.Rows, data.Columns = frames.shape[1:]
    data.NumberOfFrames = len(frames)
    data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PixelRepresentation = int(levels.dtype == np.int16)
    data.PixelData = levels.tobytes()
    for name, value in tags.items():
        setattr(data, name, value)
    data.save_as(path, enforce_file_format=True)
    return path


def greys(path, grey=None):
    return np.asarray(decode(path, grey))[..., 0].astype(float)


def between(levels, low, high):
    return np.clip((levels - low) / (high - low), 0, 1) * 255


def test_the_window_of_the_file_says_what_is_black_or_white(tmp_path):
    file = dicom(tmp_path / "a.dcm", WindowCenter=1000, WindowWidth=401)
    # DICOM PS3.3, C.11.2.1.2.1: from c - 0.5 - (w - 1) / 2 to c - 0.5 + (w - 1) / 2
    np.testing.assert_allclose(greys(file), between(LEVELS, 799.5, 1199.5), atol=1)


def test_of_several_windows_the_first_counts(tmp_path):
    file = dicom(tmp_path / "a.dcm", WindowCenter=[1000, 40], WindowWidth=[401, 80])
    np.testing.assert_allclose(greys(file), between(LEVELS, 799.5, 1199.5), atol=1)


def test_levels_of_the_window_are_in_hounsfield_units(tmp_path):
    file = dicom(tmp_path / "a.dcm", RescaleSlope=2, RescaleIntercept=-1024)
    found = greys(file, (-160.0, 240.0))
    np.testing.assert_allclose(found, between(2.0 * LEVELS - 1024, -160, 240), atol=1)


def test_the_key_of_the_spec_goes_before_the_window_of_the_file(tmp_path):
    file = dicom(tmp_path / "a.dcm", WindowCenter=1000, WindowWidth=401)
    np.testing.assert_allclose(greys(file, (0.0, 4095.0)), between(LEVELS, 0, 4095), atol=1)


@pytest.mark.parametrize("grey", [None, "stretch"])
def test_without_a_window_the_levels_are_stretched(tmp_path, grey):
    low, high = np.percentile(LEVELS, [0.5, 99.5])
    found = greys(dicom(tmp_path / "a.dcm"), grey)
    np.testing.assert_allclose(found, between(LEVELS, low, high), atol=1)


def test_negative_levels_are_read(tmp_path):
    file = dicom(tmp_path / "a.dcm", LEVELS.astype(np.int16) - 2048)
    found = greys(file, (-2048.0, 2047.0))
    np.testing.assert_allclose(found, between(LEVELS, 0, 4095), atol=1)


def test_the_lowest_level_of_monochrome1_is_white(tmp_path):
    file = dicom(tmp_path / "a.dcm", PhotometricInterpretation="MONOCHROME1")
    found = greys(file, (0.0, 4095.0))
    np.testing.assert_allclose(found, 255 - between(LEVELS, 0, 4095), atol=1)


def test_of_several_frames_the_first_is_read(tmp_path):
    file = dicom(tmp_path / "a.dcm", np.stack([LEVELS, LEVELS[::-1]]))
    np.testing.assert_allclose(greys(file, (0.0, 4095.0)), between(LEVELS, 0, 4095), atol=1)


def test_run_lengths_are_decoded(tmp_path):
    file = dicom(tmp_path / "a.dcm")
    data = dcmread(file)
    data.compress(RLELossless)
    data.save_as(tmp_path / "b.dcm")
    np.testing.assert_array_equal(greys(tmp_path / "b.dcm"), greys(file))


def test_colours_of_a_jpeg_inside_are_those_of_the_jpeg(tmp_path):
    photo = Image.radial_gradient("L").resize((64, 48)).convert("RGB")
    photo.save(tmp_path / "a.jpg", quality=95)
    colours = {
        "PixelData": encapsulate([(tmp_path / "a.jpg").read_bytes()]),
        "SamplesPerPixel": 3,
        "PlanarConfiguration": 0,
        "PhotometricInterpretation": "YBR_FULL_422",
        "BitsAllocated": 8,
        "BitsStored": 8,
        "HighBit": 7,
        "Rows": 48,
        "Columns": 64,
    }
    file = dicom(tmp_path / "a.dcm", syntax=JPEGBaseline8Bit, **colours)
    np.testing.assert_allclose(
        np.asarray(decode(file)).astype(float), np.asarray(photo).astype(float), atol=6
    )


def test_a_file_without_suffix_is_known_by_its_mark(tmp_path):
    assert decode(dicom(tmp_path / "IM0001")).size == (30, 20)


def test_a_palette_is_refused_by_name(tmp_path):
    file = dicom(tmp_path / "a.dcm", PhotometricInterpretation="PALETTE COLOR")
    with pytest.raises(UnreadableImage, match="DICOM of the kind PALETTE COLOR is not read"):
        decode(file)


def test_a_report_without_pixels_is_no_photo(tmp_path):
    empty().save_as(tmp_path / "a.dcm", enforce_file_format=True)
    with pytest.raises(UnreadableImage, match="a DICOM file without an image"):
        decode(tmp_path / "a.dcm")


def test_a_damaged_file_is_unreadable(tmp_path):
    file = dicom(tmp_path / "a.dcm")
    file.write_bytes(file.read_bytes()[:400])
    with pytest.raises(UnreadableImage):
        decode(file)


def test_a_size_that_is_too_large_is_refused_before_decoding(tmp_path):
    file = dicom(tmp_path / "a.dcm", Rows=60_000, Columns=60_000)
    with pytest.raises(UnreadableImage, match="more than 178,956,970 pixels"):
        decode(file)


def test_a_file_that_unpacks_to_any_size_is_refused_in_little_memory(tmp_path):
    data = np.zeros((1, 4000, 4000), np.uint16)
    file = dicom(tmp_path / "a.dcm", data, DeflatedExplicitVRLittleEndian)
    tracemalloc.start()
    with pytest.raises(UnreadableImage, match="deflated"):
        decode(file)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 5_000_000


def test_without_the_package_the_extra_is_named(tmp_path, monkeypatch):
    file = dicom(tmp_path / "a.dcm")
    monkeypatch.setitem(sys.modules, "pydicom", None)
    with pytest.raises(UnreadableImage, match=r"pip install 'inficond-panel\[dicom\]'"):
        decode(file)
