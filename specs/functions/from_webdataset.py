"""Shards of WebDataset, train-000.tar and so on: a photo and the name of its class per key."""

from pathlib import Path

from webdataset import WebDataset

PHOTOS = ("jpg", "jpeg", "png", "webp")


def images(root):
    for shard in sorted(Path(root).glob("*.tar")):
        for sample in WebDataset(str(shard), shardshuffle=False):
            photo = next(sample[suffix] for suffix in PHOTOS if suffix in sample)
            label = sample.get("cls", b"").decode().strip()
            known = label not in ("", "-1")  # test shards have no label
            key, split = f"{shard.stem}/{sample['__key__']}", shard.stem.rpartition("-")[0]
            yield {"image": photo, "labels": label if known else None, "id": key, "split": split}
