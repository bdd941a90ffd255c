"""Properties of pictures, such as brightness and size, that do not depend on their content."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PictureProperty:
    """Property of an image: words for images of ``low`` and ``high`` value, and its measure."""

    key: str
    low: str
    high: str
    measure: str

    @property
    def name(self) -> str:
        """Name ``image KEY``, since concepts may have the name ``text`` or ``border``."""
        return f"image {self.key}"


#: All properties, in the order of the columns of a store's ``picture_property``.
PICTURE_PROPERTIES = (
    PictureProperty("brightness", "dark images", "bright images", "mean luma, 0 to 1"),
    PictureProperty("contrast", "flat images", "images of high contrast", "its deviation over it"),
    PictureProperty("saturation", "pale images", "colourful images", "mean of chroma over value"),
    PictureProperty("colour", "gray images", "images in colour", "share of pixels with colour"),
    # not "blurred": a bright mark raises the contrast of an image, and so lowers this, too
    PictureProperty(
        *("sharpness", "images with little detail for their contrast"),
        *("images with much detail for their contrast", "log of Laplacian's variance over luma's"),
    ),
    PictureProperty("size", "small images", "large images", "log of the pixels"),
    PictureProperty("aspect", "tall images", "wide images", "log of width over height"),
    # not "compressed": a mark without noise in it looks so, too
    PictureProperty(
        *("compression", "images that look hardly compressed"),
        *("images that look compressed", "log of steps"),
    ),
    PictureProperty("border", "images without a border", "images with a border", "share of a side"),
    # not "text": stripes and other fine patterns have such edges, too
    PictureProperty(
        *("text", "images with no pattern like text", "images with patterns like text"),
        "share of windows",
    ),
)
PROPERTY_OF = {each.name: each for each in PICTURE_PROPERTIES}
