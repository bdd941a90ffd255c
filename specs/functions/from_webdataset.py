"""Shards of WebDataset, train-000.tar and so on: a photo and the name of its class per key."""

from pathlib import Path

from webdataset import WebDataset


def images(root):
    for shard in sorted(Path(root).glob("*.tar")):
        for sample in WebDataset(str(shard), shardshuffle=False):
            key, label = f"{shard.stem}/{sample['__key__']}", sample["cls"].decode()
            split = shard.stem.rpartition("-")[0]
            yield {"image": sample["jpg"], "labels": label, "id": key, "split": split}
