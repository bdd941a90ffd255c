"""A folder of photos for each class, at an address such as s3://BUCKET/photos or on disk.

Each command downloads all photos. To keep copies, for photos that never change: in place of
photo.read_bytes() take cache.cat_file(photo.path), with
cache = fsspec.filesystem("simplecache", fs=root.fs, cache_storage="copies").
"""

from concurrent.futures import ThreadPoolExecutor

PHOTOS = (".jpg", ".jpeg", ".png", ".webp")


def is_photo(path):
    """Whether a file is a photo of a class; folders of systems begin with . @ or __."""
    return path.suffix.lower() in PHOTOS and not path.parent.name.startswith((".", "@", "__"))


def images(root):
    photos = sorted(filter(is_photo, root.glob("*/*.*")), key=str)
    with ThreadPoolExecutor(16) as pool:  # a bucket takes long to answer, but many at once
        for start in range(0, len(photos), 64):  # memory holds no more
            part = photos[start : start + 64]
            contents = pool.map(lambda photo: photo.read_bytes(), part)
            for photo, content in zip(part, contents, strict=True):
                label = photo.parent.name
                yield {"image": content, "labels": label, "id": f"{label}/{photo.stem}"}
