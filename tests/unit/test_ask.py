"""Photos that are asked about, by hand calculations; answers judged, taught, read and replayed."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from factory import small_spec
from frames import joint_spec
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.metrics import average_precision_score
from spread_shortcut import shifted_frames
from tuners import afresh, shifted_store

import inficond_panel
from inficond_panel import distill
from inficond_panel.api.students import TunableStudents
from inficond_panel.cli import main
from inficond_panel.common.files import make_table
from inficond_panel.distill import average_precision
from inficond_panel.distill.metrics.bootstrap import stratified_folds
from inficond_panel.errors import AnswersError, TuningError
from inficond_panel.results.answers import ap_change
from inficond_panel.tuning import Intent, open_tuner, read_edits
from inficond_panel.tuning.answer_files import COLUMNS, asked_rows, read_answers
from inficond_panel.tuning.answers import Answers, AskedPhotos, Teaching, evaluated
from inficond_panel.tuning.node import node_id
from inficond_panel.tuning.repairs.correction import corrected
from inficond_panel.tuning.repairs.kinds import canonical_repairs
from inficond_panel.tuning.repairs.label import Label, Taught
from inficond_panel.tuning.repairs.learn import Learn, Learned
from inficond_panel.tuning.replay import replay
from inficond_panel.wording.repairs import teaching_sentences

pytestmark = pytest.mark.commands

TRUTH = shifted_frames(seed=1)["labels"]["truck"]


@pytest.fixture(scope="module")
def store_path(tmp_path_factory) -> Path:
    """Store without labels on tune, of a student that relies on a context of its class."""
    return shifted_store(tmp_path_factory.mktemp("unlabelled"), tune_labels=False)


@pytest.fixture
def students(store_path) -> TunableStudents:
    return inficond_panel.open_students(store_path, history=":memory:").fit()


def z(values) -> np.ndarray:
    return (values - np.mean(values)) / np.std(values)


def side_of(students, *, word="truck"):
    """z of logit and word on tune, from weights and scores alone."""
    scores = students.scores("tune").astype(float)
    logit = scores @ students.node.weights[:, 0] + students.node.intercepts[0]
    return z(logit), z(scores[:, students.concepts.index(word)])


def in_turn(first, second, count) -> list[int]:
    """The largest of each side in turn, without those taken, by plain loops."""
    taken: list[int] = []
    for turn in range(count):
        side = (first, second)[turn % 2]
        rest = [i for i in range(len(side)) if i not in taken]
        taken.append(max(rest, key=lambda i: side[i]))
    return taken


def test_photos_where_student_and_word_disagree_are_asked(students):
    logit, word = side_of(students)
    images = students.images("tune")
    expected = [images[i] for i in in_turn(logit - 0.7 * word, word - 0.7 * logit, 20)]
    assert list(students.ask("truck").index) == expected


@pytest.fixture(scope="module")
def asked(store_path) -> pd.DataFrame:
    """The 20 photos that are asked about."""
    return inficond_panel.open_students(store_path, history=":memory:").fit().ask("truck")


@pytest.fixture(scope="module")
def after_answers(store_path, asked) -> tuple[TunableStudents, AskedPhotos]:
    """Students that were taught true answers, and what the answers gave."""
    students = inficond_panel.open_students(store_path, history=":memory:").fit()
    return students, students.teach("truck", asked.assign(answer=TRUTH[asked.index]))


def test_true_answers_lower_the_loss(after_answers):
    _, found = after_answers
    assert found.loss_change.estimate < 0


def test_answers_are_taught_in_an_iteration(after_answers):
    students, found = after_answers
    assert found.node == students.node != students.tuner.root()


def test_true_answers_raise_ap_on_the_holdout(after_answers):
    students, _ = after_answers
    tuner, truth = students.tuner, TRUTH[students.images("holdout")].to_numpy()
    rows = tuner.store.rows("holdout")
    before, after = (
        average_precision(truth, tuner.logits(node)[rows, 0])
        for node in (tuner.root(), students.node)
    )
    assert after > before + 0.02


def test_each_answer_is_a_label_of_weight_1(after_answers, asked):
    students, _ = after_answers
    taught = students.tuner.terms(students.node)["truck"].get(Taught)
    assert taught.weight == 1.0
    assert dict(taught.labels) == TRUTH[asked.index].to_dict()


def test_the_teacher_on_tune_is_learned_from_answers(after_answers):
    students, _ = after_answers
    learned = students.tuner.terms(students.node)["truck"].get(Learned)
    assert [each.source for each in learned.by_source] == ["answers"]


def test_a_label_keeps_why_its_photo_was_asked_about(after_answers, asked):
    students, _ = after_answers
    labels = [repair for repair in students.node.repairs if isinstance(repair, Label)]
    assert {repair.why for repair in labels} == {asked["why"].iloc[0]}


def test_answers_are_replayed(after_answers):
    students, _ = after_answers
    pairs = replay(students.tuner, afresh(students.tuner))
    assert [old.weights_hash for old, _ in pairs] == [new.weights_hash for _, new in pairs]
    assert [old.id for old, _ in pairs] == [new.id for _, new in pairs]


def test_answers_in_a_file_of_edits_give_the_same_iteration(after_answers, tmp_path):
    students, _ = after_answers
    edits = tmp_path / "edits.yaml"
    edits.write_text(students.edits())
    (batch,) = read_edits(edits, students.tuner.store)
    assert students.tuner.fine_tune(students.tuner.root(), batch).id == students.node.id


def test_a_word_that_is_the_same_everywhere_decides_nothing(tmp_path):
    frames = shifted_frames(seed=1)
    frames["scores"]["truck"] = 0.25
    frames["labels"] = frames["labels"].astype(float)
    frames["labels"][frames["split"] == "tune"] = np.nan
    flat = inficond_panel.from_frames(**frames, path=tmp_path / "own.zarr").fit()
    logit, _ = side_of(flat, word="wheel")
    images = flat.images("tune")
    assert list(flat.ask("truck", n=6).index) == [images[i] for i in in_turn(logit, -logit, 6)]


def answered(students, count=20) -> dict[str, int]:
    return TRUTH[students.ask("truck", count).index].to_dict()


def test_each_photo_is_judged_by_a_student_that_did_not_learn_it(students):
    """Against fits by hand: to answers of the other folds, and the teacher that they correct."""
    given = answered(students)
    found = evaluated(students.tuner, students.node, Answers("truck", given))
    images, truth = list(given), np.array(list(given.values()))
    store = students.tuner.store
    rows = np.array([store.images.index(image) for image in images])
    every, teacher = np.asarray(store.concept_score[:]), store.teacher_logit[:, 0].astype(float)
    fit, tune, word = store.rows("fit"), store.rows("tune"), store.concepts.index("truck")
    scores = every[rows]
    before = students.decision_function(scores)[:, 0]
    np.testing.assert_allclose(found.before, before, atol=1e-9)
    np.testing.assert_array_equal(found.wrong_before, (before > 0) != truth)
    folds, place = stratified_folds(truth[:, None], 5, 0), {row: i for i, row in enumerate(tune)}
    for fold in range(5):
        out = folds == fold
        kept = rows[~out]
        seen, present = np.array([place[row] for row in kept]), truth[~out] == 1
        correction = corrected(teacher[tune], {"truck": every[tune, word]}, seen, present)
        others = np.setdiff1d(tune, rows)
        log_odds = correction.log_odds(teacher[others], every[others], store.concepts)
        fitted = np.concatenate([fit, kept, others])
        targets = np.concatenate([expit(teacher[fit]), truth[~out], expit(log_odds)])
        made = distill.fit(every[fitted], targets[:, None], l1=students.tuner.penalties[0])
        logit = distill.decision_function(scores[out], made.weights, made.intercepts)[:, 0]
        np.testing.assert_allclose(found.after[out], logit, atol=0.02)


def test_a_correction_is_the_most_probable_and_else_the_teacher():
    """Against a general minimiser of the density, written out; and without any answer."""
    rng = np.random.default_rng(1)
    teacher, score = rng.normal(0, 3, 200), rng.normal(3, 2, 200)
    answered = rng.permutation(200)[:30]
    present = (score + rng.normal(0, 1, 200) > 3)[answered]
    standard = (score - score.mean()) / score.std()

    def density(x: np.ndarray) -> float:
        p = expit(x[0] * teacher[answered] + x[1] + x[2] * standard[answered])
        prior = ((x - [1, 0, 0]) ** 2).sum() / 4
        return prior - np.log(np.where(present, p, 1 - p)).sum()

    how = {"xatol": 1e-8, "fatol": 1e-10, "maxiter": 4000}
    best = minimize(density, [1.0, 0.0, 0.0], method="Nelder-Mead", options=how).x
    found = corrected(teacher, {"word": score}, answered, present)
    word = found.concepts["word"]
    made = [found.slope, found.constant + word * score.mean(), word * score.std()]
    assert made == pytest.approx(best, abs=1e-4)
    log_odds = found.log_odds(teacher, score[:, None], ["word"])
    by_hand = best @ [teacher, np.ones(200), standard]
    np.testing.assert_allclose(log_odds, by_hand, rtol=1e-4, atol=1e-3)
    alone = corrected(teacher, {}, answered, present)
    assert not alone.concepts
    assert alone.slope != pytest.approx(1)
    none = corrected(teacher, {"word": score}, answered[:0], present[:0])
    np.testing.assert_allclose(none.log_odds(teacher, score[:, None], ["word"]), teacher)


def test_a_class_learns_one_teacher_on_tune_and_from_answers_if_there_are_some(students):
    tuner = students.tuner
    with pytest.raises(TuningError, match="no image of tune and no added photo has a taught label"):
        tuner.preview(students.node, [Learn("truck", "answers")])
    corrected_ = tuner.fine_tune(students.node, Answers("truck", answered(students)).edits)
    plain = tuner.fine_tune(corrected_, [Learn("truck", "teacher", 1.0)])
    for node, source in ((corrected_, "answers"), (plain, "teacher")):
        assert [each.source for each in tuner.terms(node)["truck"].get(Learned).by_source] == [
            source
        ]


def teaching(present, before, after) -> Teaching:
    values = [np.array(each, dtype=float) for each in (before, after)]
    noise = {"draws": 400, "seed": 0, "level": 0.95}
    return Teaching(Answers("truck", {}), np.array(present) == 1, *values, 0.0, noise)


def test_answers_help_where_the_loss_falls_and_a_tenth_was_wrong_else_it_is_said_why():
    """Losses of a photo by hand: log(1 + e^-logit) where the class is present."""
    present, before = 3 * [1, 1, 0, 0], np.tile([-1.0, 0.5, 1.0, -2.0], 3)
    after = np.tile([0.5, 0.6, -0.2, -1.9], 3)
    sign = np.where(np.array(present) == 1, -1, 1)
    fall = np.log1p(np.exp(sign * before)) - np.log1p(np.exp(sign * after))
    found = teaching(present, before, after)
    np.testing.assert_allclose(found.loss_change.estimate, -fall.mean())
    assert fall.mean() > 0
    assert found.helps
    assert list(found.wrong_before) == 3 * [True, False, True, False]
    assert list(found.wrong_after) == [False] * 12
    for photos, wrong in ((20, 2), (21, 3), (40, 4)):
        logits = np.where(np.arange(photos) < wrong, -1.0, 1.0)
        assert teaching([1] * photos, logits, logits + 0.5).repairable
        logits[0] = 1.0
        assert not teaching([1] * photos, logits, logits + 0.5).repairable
    logits = np.where(np.arange(20) < 1, 1.0, -1.0)
    share = teaching(np.zeros(20), logits, logits).error_before
    n, p, q = 20, 0.05, 1.959964  # the interval is Wilson's: his formula of 1927, 19 of 20 right
    middle = (p + q**2 / (2 * n)) / (1 + q**2 / n)
    half = q / (1 + q**2 / n) * np.sqrt(p * (1 - p) / n + q**2 / (4 * n**2))
    np.testing.assert_allclose((share.low, share.high), (middle - half, middle + half), rtol=1e-6)
    for before, after, why in (  # of photos with the class
        (3 * [0.1, 0.5, 2.0, 2.0], 3 * [1.0, 1.0, 2.5, 2.5], "These photos show no fault"),
        (
            3 * [-1.0, -0.1, 2.0, 2.0],
            3 * [1.0, -3.0, 2.0, 2.0],
            "Learning these answers would not help",
        ),
        (9 * [-1.0], 9 * [1.0], "10 answers are needed"),
        (10 * [-1.0], 10 * [1.0], ""),
        (3 * [-2.0, -2.0, 0.1, 0.1], 3 * [-0.5, -0.5, 0.1, -0.1], ""),  # 3 more are wrong
    ):
        found = teaching([1] * len(before), before, after)
        assert found.helps == (not why)
        assert why in teaching_sentences(found)[-1]


def test_answers_that_labels_of_tune_contradict_teach_nothing(tmp_path):
    """Each answer is the wrong one; the rest of tune has labels, whose AP is calculated here."""
    students = inficond_panel.open_students(shifted_store(tmp_path), history=":memory:").fit()
    given = {image: 1 - value for image, value in answered(students).items()}
    found = evaluated(students.tuner, students.node, Answers("truck", given))
    assert found.repairable
    store, node = students.tuner.store, students.node
    rows = [row for row in store.rows("tune") if store.images[row] not in given]
    taught = students.tuner.preview(node, Answers("truck", given).edits)
    before, after = (
        average_precision(store.label[rows, 0], store.concept_score[rows] @ one.weights[:, 0])
        for one in (node, taught)
    )
    assert found.on_labels.estimate == pytest.approx(after - before, abs=5e-3)
    assert found.contradicted
    assert not found.helps
    assert students.teach("truck", given).node is None
    right = evaluated(students.tuner, node, Answers("truck", answered(students)))
    assert not right.contradicted


def test_answers_that_do_not_help_teach_nothing(students):
    """Answers as the student gives them."""
    images, logits = students.images("tune")[:20], students.decision_function("tune")[:20, 0]
    same = dict(zip(images, (logits > 0).astype(int).tolist(), strict=True))
    root = students.node
    found = students.teach("truck", same)
    assert (found.node, students.node) == (None, root)
    assert "right 20 times" in str(found)
    assert "These rows show no fault. The student stays as it is." in str(found)
    forced = students.teach("truck", same, force=True)
    assert forced.node == students.node != root
    assert "These rows show no fault, but teaching was forced. " in str(forced)


def test_an_answer_can_be_changed(students):
    """The photo is judged by a student that has not learned its first answer."""
    given = answered(students)
    students.teach("truck", given, force=True)
    root = afresh(students.tuner)
    again = evaluated(students.tuner, students.node, Answers("truck", given))
    first = evaluated(root, root.root(), Answers("truck", given))
    np.testing.assert_allclose(again.before, first.before, atol=0.02)
    image = next(iter(given))
    students.teach("truck", {image: 1 - given[image]}, force=True)
    labels = students.tuner.terms(students.node)["truck"].get(Taught).labels
    assert labels[image] == 1 - given[image]
    assert len(labels) == 20
    every = {image: int(TRUTH[image]) for image in students.images("tune")}
    assert len(students.teach("truck", every, force=True).present) == len(every)


def test_ids_without_a_reason_are_as_before():
    asked = Label("truck", "0802.jpg", 1)
    facts = {"class": "truck", "direction": "label", "image": "0802.jpg", "value": 1}
    assert asked.to_json() == facts
    why = Label("truck", "0802.jpg", 1, "the student and 'truck' disagree")
    assert why.to_json() == {**facts, "why": why.why}
    assert node_id("a", [asked], {}) != node_id("a", [why], {})
    for order in ([asked, why], [why, asked]):
        assert canonical_repairs(order) == (why,)


def test_the_command_asks_and_teaches(store_path, tmp_path, capsys):
    file, history = tmp_path / "answers.csv", str(tmp_path / "history.sqlite")
    given = ["ask", str(store_path), "--history", history, "--class", "truck"]
    assert main([*given, "--output", str(file)]) == 0
    table = pd.read_csv(file, dtype=str)
    table["answer"] = TRUTH[table["image"]].map({1: "yes", 0: "no"}).to_numpy()
    table.loc[3, "answer"] = ""
    table.to_csv(file, index=False)
    capsys.readouterr()
    assert main([*given, "--answers", str(file), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["photos"], found["skipped"]) == (19, 1)
    students = inficond_panel.open_students(store_path, history=history)
    assert students.node.id == found["taught"]
    assert found["ap_change"] is None  # no other image of tune has a label
    assert table["image"][3] not in students.tuner.terms(students.node)["truck"].get(Taught).labels
    assert main([*given, "-n", "2"]) == 0
    lines = capsys.readouterr().out.splitlines()
    values = "truck,wheel,road 2,road 11"  # its word, and the strongest
    assert lines[0] == f"class,rank,image,path,{values},why,answer"
    assert len(lines) == 3


def test_answers_and_questions_that_cannot_be_are_refused_and_files_too(students, tmp_path):
    file = tmp_path / "answers.csv"
    file.write_text(
        "class,image,answer\ntruck,0800.jpg,1\nbird,0802.jpg,0\ntruck,08O4.jpg,1\n"
        "truck,0806.jpg,perhaps\ntruck,0800.jpg,\n"
    )
    with pytest.raises(AnswersError) as caught:
        students.teach("truck", file)
    found = [(p.line, p.column) for p in caught.value.problems]
    assert found == [(3, 1), (4, 2), (5, 3), (6, 2)]
    for words in (
        "expected the class 'truck', got 'bird'",
        "no image '08O4.jpg' in the store. Did you mean '",
        "expected 1, 0 or nothing, got 'perhaps'",
        "'0800.jpg' has an answer in an earlier row",
    ):
        assert words in str(caught.value)
    file.write_text("image,say\n")
    with pytest.raises(AnswersError, match=r"answers\.csv:1:1: the column 'answer' is missing"):
        students.teach("truck", file)
    with pytest.raises(AnswersError, match="the file does not exist"):
        read_answers(tmp_path / "none.csv", "truck", students.tuner.store)
    truk = r"no class 'truk' in the store\. Did you mean 'truck'"
    for class_name, answers, words in (
        ("truk", {"0800.jpg": 1}, truk),
        ("truck", {"08O0.jpg": 1}, r"no image '08O0\.jpg'"),
        ("truck", {"0800.jpg": 2}, r"The answer on image '0800\.jpg' is 2"),
        ("truck", {"0801.jpg": 1}, "is an image of the holdout"),
        ("truck", {"0800.jpg": None}, "No image has an answer for 'truck'"),
        ("bird", students.ask("truck"), "answers on 'truck', not on 'bird'"),
    ):
        with pytest.raises(TuningError, match=words):
            students.teach(class_name, answers)
    for class_name, count, words in (("truk", 20, truk), ("truck", 0, "number of images is 0")):
        with pytest.raises(TuningError, match=words):
            students.ask(class_name, n=count)


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_that_is_there_twice_is_refused(students, tmp_path, name):
    file = tmp_path / "answers.csv"
    file.write_text(f"{','.join(COLUMNS)},{name}\ntruck,1,0800.jpg,,why,1,0\n")
    with pytest.raises(AnswersError, match=f"answers.csv:1:.*two columns are named '{name}'"):
        students.teach("truck", file)


def test_a_file_with_thousands_of_faults_names_five(students, tmp_path):
    file = tmp_path / "answers.csv"
    file.write_text("image,answer\n" + "".join(f"none {n},1\n" for n in range(3_000)))
    with pytest.raises(AnswersError) as caught:
        students.teach("truck", file)
    lines = caught.value.message.splitlines()
    assert (len(lines), lines[-1]) == (6, "and 2,995 more")


def test_marks_that_spreadsheets_need_are_taken_off(tmp_path):
    frames = shifted_frames(seed=1)
    for key in ("logits", "labels"):
        frames[key] = frames[key].rename(columns={"truck": "-truck"})
    for key in ("scores", "logits", "labels", "split"):
        frames[key] = frames[key].rename(index=lambda name: f"={name}")
    made = inficond_panel.from_frames(**frames, path=tmp_path / "own.zarr").fit()
    rows = asked_rows(made.tuner.store, "-truck", AskedPhotos(made.tuner.store.rows("tune"), ""))
    file = tmp_path / "answers.csv"
    file.write_bytes(make_table("asked", COLUMNS, [(*row[:5], "1") for row in rows]).content)
    assert "'-truck,1,'=0800.jpg" in file.read_text()
    answers = read_answers(file, "-truck", made.tuner.store)
    assert answers.values == dict.fromkeys(made.images("tune"), 1)


def test_pictures_of_the_store_are_written_beside_the_table(spec_file, tmp_path):
    pictured = inficond_panel.open_students(spec_file, history=":memory:").fit()
    asked = pictured.ask("bicycle", n=3, folder=tmp_path / "seen")
    store = pictured.tuner.store
    assert len(asked)
    for image, path in asked["path"].items():
        assert Path(path).read_bytes() == store.thumbnail(store.images.index(image))
    assert set(pictured.ask("bicycle", n=3)["path"]) == {""}


def test_students_that_learn_no_labels_say_so(tmp_path):
    joint = inficond_panel.open_students(joint_spec(tmp_path), history=":memory:")
    given = {joint.images("tune")[0]: 1}
    for call in (lambda: joint.ask("bird"), lambda: joint.teach("bird", given)):
        with pytest.raises(TuningError, match="with link: softmax one student has all classes"):
            call()


def test_the_change_of_ap_by_answers_is_that_of_the_labelled_tuning_images(tmp_path):
    tuner = open_tuner(small_spec(tmp_path))
    node = tuner.fine_tune(tuner.root(), [Intent("bicycle", "wheel", "remove")])
    taught = SimpleNamespace(node=node, answers=SimpleNamespace(class_name="bicycle"))
    found = ap_change(tuner, tuner.root(), taught)
    rows = tuner.store.rows("tune")
    label = tuner.store.label[rows, 0]
    before, after = (
        average_precision_score(label[label >= 0], tuner.logits(each, rows)[label >= 0, 0])
        for each in (tuner.root(), node)
    )
    assert found.estimate == pytest.approx(after - before)


def test_answers_that_were_not_taught_change_no_ap(tmp_path):
    tuner = open_tuner(small_spec(tmp_path))
    assert ap_change(tuner, tuner.root(), SimpleNamespace(node=None)) is None


def test_where_no_answer_is_corrected_it_is_said_what_is_better():
    """Each logit moves to its right side, none across 0: the loss falls."""
    logits = np.where(np.arange(20) < 5, -2.0, 2.0)
    told = " ".join(teaching_sentences(teaching([1] * 20, logits, logits + 1)))
    assert "(0 corrected, 0 newly wrong). But its mean loss on them falls: " in told
