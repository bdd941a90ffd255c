"""CIFAR-100, or CIFAR-10 where its folder is there, and ImageNet, by torchvision; others alike."""

from torchvision.datasets import CIFAR10, CIFAR100, ImageNet


def images(root):
    kind = CIFAR10 if (root / CIFAR10.base_folder).is_dir() else CIFAR100
    return {
        "train": kind(root, train=True, download=True),
        "test": kind(root, train=False, download=True),
    }


class Files(list):
    """Pairs of a file and the number of its class: photos that need not be written once more."""


def imagenet(root):
    parts = {}
    for split in ("train", "val"):
        data = ImageNet(root, split)
        first = [names[0] for names in data.classes]  # two of them are called crane
        parts[split] = Files(data.imgs)
        parts[split].classes = [
            name if first.count(name) == 1 else f"{name} ({wnid})"
            for name, wnid in zip(first, data.wnids, strict=True)
        ]
    return parts
