"""A folder of photos for each class, at an address such as s3://BUCKET/photos or on disk."""


def images(root):
    for photo in sorted(root.glob("*/*.*"), key=str):
        label = photo.parent.name
        yield {"image": photo.read_bytes(), "labels": label, "id": f"{label}/{photo.stem}"}
