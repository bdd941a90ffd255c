"""Sentences on the groups of images: which is worst, and by how much."""

from __future__ import annotations

from inficond_panel.common.interval import Interval
from inficond_panel.common.numbers import share, share_range
from inficond_panel.errors import Remedy
from inficond_panel.store import Store
from inficond_panel.tuning.cells import is_high_or_low, is_shown_or_not
from inficond_panel.vocabulary.things import shown_words

#: Words for a class of which the teacher is worse in one group, and what helps.
TEACHER_GROUP_WORDS = "the teacher is worse in a group, or its labels are"
_TEACHER_NEEDS = (
    "Look at labels of this group first. If they are right, no thumb mends the teacher: label "
    "images of this group, and let the student learn labels in place of the teacher's decisions, "
    "which "
)
TEACHER_GROUP_REMEDY = (
    _TEACHER_NEEDS
    + Remedy("`inficond suggest`", "`students.suggest()`")
    + " compares. Or take an oracle: `inficond docs oracle`."
)
#: The same on the page.
TEACHER_GROUP_HELP = f"{_TEACHER_NEEDS}Find a repair compares"
#: Words for a class of which the student is worse in one group, and the teacher not.
STUDENT_GROUP_WORDS = "the student is worse in a group"
#: Words for a group in which the students of all classes together are less often right.
STUDENTS_GROUP_WORDS = "the students are worse in a group"
_STUDENT_NEEDS = (
    "The teacher knows it there, so look at the concept scores of this group: are they "
    "measured in the same way as elsewhere? "
)
#: What helps then, on the page.
STUDENT_GROUP_HELP = f"{_STUDENT_NEEDS}If they are right, add training images of this group"
#: Words for a class of which one group is clearly worse than another.
WORST_GROUP_WORDS = "a worse group"
_EQUAL_NUMBERS = "if as many images are called as have the class"


def group_words(by: str, group: str, *, shown_or_not: bool, high: bool = False) -> str:
    """Return the words for a group: ``male: 1``; or ``with man`` and ``without man`` for images
    that show a class or concept and those that do not (``shown_or_not``). A concept of a table is
    ``high`` or not: ``with a high lactate``."""
    if shown_or_not:
        return f"{'with' if group == '1' else 'without'} {shown_words(by, high)}"
    return f"{by}: {group}"


def words_of_group(store: Store, by: str, group: str) -> str:
    """Return ``group_words`` of a group of the images of a store ``by`` a column, a property, a
    class or a concept."""
    high, shown_or_not = is_high_or_low(store, by), is_shown_or_not(store, by)
    return group_words(by, group, shown_or_not=shown_or_not, high=high)


def worst_group_sentence(
    class_name: str,
    worst: tuple[str, Interval],
    best: tuple[str, Interval],
    *,
    present: bool,
    limits: bool = True,
) -> str:
    """Return the sentence that one group of images is worse than another: ``blond hair is found in
    12 % [6, 19] of its images in the group "male: 1", and in 53 % [50, 57] in "male: 0", if as many
    images are called as have the class.``

    ``worst`` and ``best`` are words for groups with the accuracy of their images with the class
    (``present``) or without it, at equal numbers.
    """
    does, of = (
        ("is found", "its images") if present else ("is wrongly called", "the images without it")
    )

    def share(right: Interval) -> str:
        found = right if present else Interval(1 - right.estimate, 1 - right.high, 1 - right.low)
        return found.text(0, scale=100, unit="%", limits=limits)

    return (
        f"{class_name} {does} in {share(worst[1])} of {of} in the group “{worst[0]}”, and in "
        f"{share(best[1])} in “{best[0]}”, {_EQUAL_NUMBERS}."
    )


def worst_cell_sentence(
    words: str,
    accuracy: Interval,
    at_equal_numbers: Interval,
    weighted: Interval,
    *,
    present: bool,
    limits: bool = True,
) -> str:
    """Return the sentence on the worst-group accuracy: of the images with the class (``present``)
    or without it in a group, and the mean weighted by the training groups."""
    side = "with" if present else "without"
    worst, equal, mean = (
        each.text(2, limits=limits) for each in (accuracy, at_equal_numbers, weighted)
    )
    return (
        f"Worst group: {words}, images {side} the class, accuracy {worst}; at equal numbers the "
        f"worst accuracy is {equal}. Mean, weighted by the training groups: {mean}."
    )


def teacher_cell_sentence(
    words: str, accuracy: Interval, *, present: bool, limits: bool = True
) -> str:
    """Return the sentence on the group that is the teacher's worst; as ``worst_cell_sentence``."""
    side = "with" if present else "without"
    worst = accuracy.text(2, limits=limits)
    return f"The teacher's worst: {words}, images {side} the class, accuracy {worst}."


def teacher_group_sentence(
    class_name: str,
    group: str,
    counts: tuple[int, int],
    ap: Interval,
    expected: float,
    *,
    swapped: str = "",
    limits: bool = True,
) -> str:
    """Return the sentence that the teacher is worse in a group: ``The teacher's AP of ward is 0.35
    [0.28, 0.44] in “site: B” (120 tuning images, 40 of them show it); as many of the others have
    0.80.`` ``counts`` are the labelled images of the group, and those with the class;
    ``swapped`` is a sentence on labels that may be swapped."""
    images, positives = counts
    return (
        f"The teacher's AP of {class_name} is {ap.text(2, limits=limits)} in “{group}” "
        f"({images:,} tuning images, {positives:,} of them show it); as many of the others "
        f"have {expected:.2f}.{swapped and ' '}{swapped}"
    )


def student_group_sentence(
    class_name: str,
    group: str,
    counts: tuple[int, int],
    ap: Interval,
    expected: float,
    teacher: float,
    *,
    limits: bool = True,
) -> str:
    """Return the sentence that the student is worse in a group, and the teacher not: ``The
    student's AP of warp is 0.08 [0.05, 0.15] in “line: B” (140 tuning images, 16 of them show it);
    as many of the others have 0.77. There the teacher's is 0.85.`` ``counts`` are as of
    ``teacher_group_sentence``."""
    images, positives = counts
    return (
        f"The student's AP of {class_name} is {ap.text(2, limits=limits)} in “{group}” "
        f"({images:,} tuning images, {positives:,} of them show it); as many of the others "
        f"have {expected:.2f}. There the teacher's is {teacher:.2f}."
    )


def student_group_remedy(by: str) -> Remedy:
    """Return what helps a class of which the student is worse in a group ``by`` a column."""
    compare = Remedy(f"`inficond metrics --by '{by}'`", f"`students.slices({by!r})`")
    end = " compares the groups. If the scores are right, add training images of this group."
    return _STUDENT_NEEDS + compare + end


def swapped_sentence(
    class_name: str, other: str, taken: tuple[int, int], back: tuple[int, int]
) -> str:
    """Return the sentence that the labels of two classes may be swapped in a group, of which the
    teacher takes so many images (of so many) for the other class each."""
    return (
        f"There the teacher takes {taken[0]} of {taken[1]} images of {class_name} for {other}, and "
        f"{back[0]} of {back[1]} of {other} for {class_name}: their labels may be swapped."
    )


def teacher_accuracy_sentence(
    group: str,
    images: int,
    accuracy: Interval,
    expected: float,
    *,
    copies: int = 0,
    limits: bool = True,
) -> str:
    """Return the sentence that the teacher is less often right in a group: ``In “camera: old” the
    teacher's likeliest class is right in 64 % of 69 tuning images (52 to 74 %); of images with the
    same labels in 78 %.`` It says if there are ``copies`` besides."""
    left_out = ", without copies" if copies else ""
    ends = f" ({share_range(accuracy.low, accuracy.high)})" if limits else ""
    return (
        f"In “{group}” the teacher's likeliest class is right in {share(accuracy.estimate)} of "
        f"{images:,} tuning images{left_out}{ends}; of images with the same labels in "
        f"{share(expected)}."
    )


def students_accuracy_sentence(
    group: str,
    images: int,
    accuracy: Interval,
    expected: float,
    teacher: float,
    *,
    limits: bool = True,
) -> str:
    """Return the sentence that the students are less often right in a group, and the teacher not:
    ``In “camera: old” the students' likeliest class is right in 52 % of 48 tuning images (38 to
    66 %), of images with the same labels in 77 %; there the teacher's is in 81 %.``"""
    ends = f" ({share_range(accuracy.low, accuracy.high)})" if limits else ""
    return (
        f"In “{group}” the students' likeliest class is right in {share(accuracy.estimate)} of "
        f"{images:,} tuning images{ends}, of images with the same labels in {share(expected)}; "
        f"there the teacher's is in {share(teacher)}."
    )


def aim_sentence(by: str, aimed: str) -> str:
    """Return what *Find a repair* compares repairs by; ``aimed`` divides images into the groups at
    whose worst it aims, "" if it compares by AP."""
    if aimed:
        return f"Find a repair aims at the worst group by {aimed}."
    return (
        "Find a repair compares by AP. To aim at the worst group, write in the spec "
        f"tuning: {{aim: worst-group, groups: {by}}}."
    )


def aim_remedy(by: str) -> Remedy:
    """Return what helps a class of which one group, ``by`` something, is worse."""
    compare = Remedy(
        f"`inficond suggest --aim worst-group --by '{by}'`",
        f"students.suggest(aim='worst-group', by={by!r})",
    )
    end = ", or `tuning.aim: worst-group` in the spec."
    return "Compare repairs by the worst group: " + compare + end
