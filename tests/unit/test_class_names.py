"""Names of classes in plain words, with the synonyms of the table."""

import pytest

from inficond_panel.concepts import class_names
from inficond_panel.concepts.class_names import letters_of, names_of

LEMMAS = {"n01440764": "tench, Tinca tinca", "n03126707": "crane"}


@pytest.mark.parametrize(
    ("class_name", "names"),
    [
        ("dog", ["dog"]),
        ("  dog ", ["dog"]),
        ("motorcycle", ["motorcycle", "motorbike"]),  # COCO
        ("motorbike", ["motorbike", "motorcycle"]),  # VOC
        ("airplane", ["airplane", "aeroplane"]),
        ("aeroplane", ["aeroplane", "airplane"]),
        ("couch", ["couch", "sofa"]),
        ("sofa", ["sofa", "couch"]),
        ("tv", ["tv", "tv monitor", "television", "television set"]),
        ("tvmonitor", ["tv monitor", "tv", "television", "television set"]),
        ("television", ["television", "tv monitor", "tv", "television set"]),
        ("diningtable", ["dining table"]),
        ("pottedplant", ["potted plant"]),
        ("PottedPlant", ["potted plant"]),
        ("cell phone", ["cell phone", "mobile phone", "cellular telephone"]),
        ("automobile", ["automobile", "car"]),  # CIFAR-10
        ("aquarium_fish", ["aquarium fish"]),  # CIFAR-100
        ("lawn_mower", ["lawn mower"]),
        ("pickup_truck", ["pickup truck", "pickup"]),
        ("001.Black_footed_Albatross", ["Black footed Albatross"]),  # CUB
        ("tench, Tinca tinca", ["tench", "Tinca tinca"]),  # ImageNet
        ("door;double door", ["door", "double door"]),  # ADE20K
        ("n02085620-Chihuahua", ["Chihuahua"]),  # Stanford Dogs
        ("mouse", ["mouse"]),  # the animal, or what lies beside a keyboard
        ("1.5 litre", ["1.5 litre"]),
        ("chien_né", ["chien né"]),
        ("犬", ["犬"]),
    ],
)
def test_names_are_those_of_a_reader(class_name, names):
    assert list(names_of(class_name)) == names


@pytest.mark.parametrize("class_name", ["", "17", "3.", "_", "n01440764", "n01440764 (n03126707)"])
def test_a_name_without_words_has_none(class_name):
    assert names_of(class_name) == ()


@pytest.mark.parametrize(
    ("class_name", "names"),
    [
        ("n01440764", ["tench", "Tinca tinca"]),
        ("n01440764_tench", ["tench", "Tinca tinca"]),
        ("crane (n03126707)", ["crane"]),
        ("n99999999", []),
    ],
)
def test_a_synset_has_the_names_of_its_lemmas(class_name, names):
    assert list(names_of(class_name, LEMMAS)) == names


def test_no_name_is_on_two_lines_of_the_table():
    lines = class_names._TABLE.read_text(encoding="utf-8").splitlines()
    rows = [line.split(",") for line in lines if not line.startswith("#")]
    letters = [letter for row in rows for letter in {letters_of(name) for name in row}]
    assert sorted(letters) == sorted(set(letters))
