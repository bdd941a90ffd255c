"""CIFAR-100 by torchvision, which downloads it into the folder; other data sets of it alike."""

from torchvision.datasets import CIFAR100


def images(root):
    return {
        "train": CIFAR100(root, train=True, download=True),
        "test": CIFAR100(root, train=False, download=True),
    }
