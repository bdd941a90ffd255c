"""A table of changes to a good spec, each with the problems it must cause."""

import pytest
from good_spec import GOOD
from hypothesis import given, settings
from hypothesis import strategies as st

from inficond_panel.errors import SpecError
from inficond_panel.spec import load_spec

TEACHER = (
    "kind, path, outputs, activation, order, batch, classes, preprocessing, oracle, model, "
    "pretrained, head, backbone, heads, labels, function, encoder, prompts, words, background, "
    "bias, folds, l2, seed"
)
VIEWS = "configuration, performance, knowledge, embedding, detail or provenance"
# (text in the good spec, what replaces it, expected problems as line:column: message)
CASES = {
    "unknown key": ("title: Small", "titel: Small", [
        "1:1: titel: unknown key. Did you mean 'title'?",
        "1:1: title: missing; expected text",
    ]),
    "unknown key below": ("path: logits.csv}", "path: logits.csv}\nstudents: {temprature: 2}", [
        "14:12: students.temprature: unknown key. Did you mean 'temperature'?",
    ]),
    "nothing is near": ("teacher:", "zzz: 1\nteacher:", [
        "13:1: zzz: unknown key; there are title, store, history, dataset, concepts, teacher, "
        "device, students, tuning, views, layout, study",
    ]),
    "python name of a key": ("teacher:", "students: {lambda_: 1}\nteacher:", [
        "13:12: students.lambda_: unknown key. Did you mean 'lambda'?",
    ]),
    "text for a number": ("teacher:", "students: {lambda: abc}\nteacher:", [
        "13:20: students.lambda: expected auto, a number >= 0 or a mapping from class (and "
        "default) to such numbers, got 'abc'",
    ]),
    "number in quotes": ("teacher:", "students: {lambda: '0.5'}\nteacher:", [
        "13:20: students.lambda: expected auto, a number >= 0 or a mapping from class (and "
        "default) to such numbers, got '0.5' in quotes",
    ]),
    "penalty of a class": ("teacher:", "students: {lambda: {cat: -1}}\nteacher:", [
        "13:26: students.lambda: expected auto or a number >= 0, got '-1'",
    ]),
    "no penalty at all": ("teacher:", "students: {lambda: {}}\nteacher:", [
        "13:20: students.lambda: expected auto, a number >= 0 or a mapping from class (and "
        "default) to such numbers, got a mapping",
    ]),
    "labels without their weight": ("teacher:", "students: {labels: {}}\nteacher:", [
        "13:20: students.labels.alpha: missing; expected a number >= 0",
    ]),
    "what only the exact solver can do": (
        "teacher:", "students: {solver: paper, l2: 1, labels: {alpha: 1}}\nteacher:", [
            "13:27: students.l2: is not used with solver: paper; it belongs to solver: exact",
            "13:34: students.labels: is not used with solver: paper; it belongs to solver: exact",
        ],
    ),
    "one softmax student over several classes an image": (
        "teacher:", "students: {link: softmax}\nteacher:", [
            "13:12: students.link: a softmax has one class an image; give dataset.task: "
            "single_label or take sigmoid",
        ],
    ),
    "penalties that one softmax student cannot have": (
        "teacher:", "students: {link: softmax, l2: 1, lambda: {cat: 0, default: 1}}\nteacher:", [
            "13:12: students.link: a softmax has one class an image; give dataset.task: "
            "single_label or take sigmoid",
            "13:27: students.l2: is not used with link: softmax; leave it out, or take link: "
            "sigmoid",
            "13:34: students.lambda: must be above 0 with link: softmax",
        ],
    ),
    "a softmax by the paper's recipe": (
        "teacher:", "students: {solver: paper, link: softmax}\nteacher:", [
            "13:27: students.link: is not used with solver: paper; it belongs to solver: exact",
        ],
    ),
    "bool is no number": ("teacher:", "tuning: {factor: true}\nteacher:", [
        "13:18: tuning.factor: expected a number > 1 and <= 1000, got 'true'",
    ]),
    "nan": ("teacher:", "tuning: {factor: .nan, step: nan}\nteacher:", [
        "13:18: tuning.factor: expected a number > 1 and <= 1000, got '.nan'",
        "13:30: tuning.step: expected a number > 0, got 'nan'",
    ]),
    "infinite": ("teacher:", "tuning: {factor: .inf, step: 1e999}\nteacher:", [
        "13:18: tuning.factor: expected a number > 1 and <= 1000, got '.inf'",
        "13:30: tuning.step: expected a number > 0, got '1e999'",
    ]),
    "number for text": ("title: Small", "title: 2024", [
        "1:8: title: expected text, got '2024' (for text write \"2024\")",
    ]),
    "hexadecimal for text": ("title: Small", "title: 0x10", [
        "1:8: title: expected text, got '0x10' (for text write \"0x10\")",
    ]),
    "a word for a list of it": ("teacher:", "students: {distil_on: fit}\nteacher:", [
        "13:23: students.distil_on: expected a list of fit, tune, got 'fit'",
    ]),
    "nothing for text": ("title: Small", "title:", ["1:1: title: expected text, got nothing"]),
    "blank title": ("title: Small", "title: ' '", ["1:8: title: expected text, got ' ' in quotes"]),
    "list for a section": ("teacher: {kind: logits, path: logits.csv}", "teacher: [a]", [
        f"13:10: teacher: expected a mapping with the keys {TEACHER}, got a list",
    ]),
    "section left empty": ("teacher: {kind: logits, path: logits.csv}", "teacher:", [
        f"13:1: teacher: expected a mapping with the keys {TEACHER}, got nothing",
    ]),
    "out of bounds": ("teacher:", "tuning: {factor: 0.5, epochs: 0}\nteacher:", [
        "13:18: tuning.factor: expected a number > 1 and <= 1000, got '0.5'",
        "13:23: tuning.epochs: is not used with solver: exact; it belongs to solver: paper",
        "13:31: tuning.epochs: expected a whole number >= 1, got '0'",
    ]),
    "both bounds": ("tune: {from: test, share: 0.5}", "tune: {from: test, share: 1}", [
        "8:31: dataset.splits.tune.share: expected a number > 0 and < 1, got '1'",
    ]),
    "keys of another teacher": (
        "{kind: logits, path: logits.csv}", "{kind: logits, path: logits.csv, heads: 2}", [
            "13:43: teacher.heads: is not used with kind: logits; it belongs to kind: query2label",
        ],
    ),
    "an oracle needs gradients": (
        "kind: logits, path: logits.csv",
        "kind: onnx, path: logits.csv, oracle: {},\n  preprocessing: {size: [8, 8], "
        "mean: [0, 0, 0], std: [1, 1, 1]}", [
            "13:41: teacher.oracle: is not used with kind: onnx; it belongs to kind: torchscript "
            "or kind: timm or kind: query2label or kind: transformers or kind: open_clip "
            "or kind: head",
        ],
    ),
    "a file says nothing of its input": (
        "kind: logits", "kind: torchscript", [
            "13:10: teacher.preprocessing: missing; expected a mapping with the keys size, mean, "
            "std, interpolation, crop",
        ],
    ),
    "input's settings": (
        "kind: logits, path: logits.csv",
        "kind: timm, model: m, pretrained: t,\n  preprocessing: {size: 8, mean: [0, 0], "
        "std: [1, 0, 1], crop: 2}", [
            "14:25: teacher.preprocessing.size: expected [width, height], two whole numbers > 0, "
            "got '8'",
            "14:34: teacher.preprocessing.mean: expected [red, green, blue], three numbers, got a "
            "list",
            "14:47: teacher.preprocessing.std: expected [red, green, blue], three numbers > 0, got "
            "a list",
            "14:64: teacher.preprocessing.crop: expected a number >= 0 and <= 1, got '2'",
        ],
    ),
    "names of classes": (
        "kind: logits, path: logits.csv", "kind: open_clip, words: {cat: 3}", [
            "13:41: teacher.words: expected text, got '3' (for text write \"3\")",
        ],
    ),
    "a step of nothing": (
        "kind: logits, path: logits.csv", "kind: head, oracle: {gamma: 0}", [
            "13:39: teacher.oracle.gamma: expected a number > 0, got '0'",
        ],
    ),
    "a step without end": (
        "kind: logits, path: logits.csv", "kind: head, oracle: {gamma: 1e999}", [
            "13:39: teacher.oracle.gamma: expected a number > 0, got '1e999'",
        ],
    ),
    "targets that there are not": ("teacher:", "students: {targets: oracle}\nteacher:", [
        "13:12: students.targets: oracle needs the oracle's logits: give teacher.oracle",
    ]),
    "fraction": ("teacher:", "students: {solver: paper, epochs: 2.5}\nteacher:", [
        "13:35: students.epochs: expected a whole number >= 1, got '2.5'",
    ]),
    "not true or false": ("teacher:", "tuning: {preview: yes}\nteacher:", [
        "13:19: tuning.preview: expected true or false, got 'yes'",
    ]),
    "wrong word": ("teacher:", "layout: {theme: drak}\nteacher:", [
        "13:17: layout.theme: expected auto, light or dark, got 'drak'. Did you mean 'dark'?",
    ]),
    "missing keys": ("  labels: labels.csv\n", "", [
        "3:3: dataset.labels: missing; expected the path of a file",
    ]),
    "wrong kind": ("kind: table", "kind: tabel", [
        "3:9: dataset.kind: expected table, voc, coco, folder, columns, python, "
        "store or scenes, got "
        "'tabel'. Did you mean 'table'?",
    ]),
    "no kind": ("  kind: table\n", "", [
        "3:3: dataset.kind: missing; expected table, voc, coco, folder, columns, "
        "python, store or scenes",
    ]),
    "key of another kind": ("kind: table\n", "kind: table\n  image_id: file\n", [
        "4:3: dataset.image_id: is not used with kind: table; it belongs to kind: coco or "
        "kind: columns",
    ]),
    "solver's keys, exact": ("teacher:", "students: {epochs: 5, lr: 1, seed: 1}\nteacher:", [
        "13:12: students.epochs: is not used with solver: exact; it belongs to solver: paper",
        "13:23: students.lr: is not used with solver: exact; it belongs to solver: paper",
        "13:30: students.seed: is not used with solver: exact; it belongs to solver: paper",
    ]),
    "solver's keys, paper": (
        "teacher:", "students: {solver: paper, tolerance: 1e-6}\nteacher:", [
        "13:27: students.tolerance: is not used with solver: paper; it belongs to solver: exact",
    ]),
    "epochs of a refit": ("teacher:", "tuning: {epochs: 3}\nteacher:", [
        "13:10: tuning.epochs: is not used with solver: exact; it belongs to solver: paper",
    ]),
    "threshold": ("teacher:", "students: {threshold: {cat: x}}\nteacher:", [
        "13:29: students.threshold: expected a number, got 'x'",
    ]),
    "prompts": ("  corpus:", "  prompts: [a photo]\n  corpus:", [
        "11:13: concepts.prompts: expected a text with {} in it, imagenet or imagenet_simple, got "
        "'a photo'",
    ]),
    "no prompts": ("  corpus:", "  prompts: []\n  corpus:", [
        "11:12: concepts.prompts: expected a list of texts with {} in each, or of imagenet, "
        "imagenet_simple; or one of these, got an empty list",
    ]),
    "methods": ("  corpus:", "  projections: {methods: [pca, pac]}\n  corpus:", [
        "11:32: concepts.projections.methods: expected pca, tsne or umap, got 'pac'. Did you mean "
        "'pca'?",
    ]),
    "method twice": ("  corpus:", "  projections: {methods: [pca, pca]}\n  corpus:", [
        "11:32: concepts.projections.methods: 'pca' is named twice",
    ]),
    "no fit": ("    fit: train.txt\n", "", [
        "7:5: dataset.splits.fit: missing; expected a list's name, {from: NAME, share: 0.5}, "
        "{column: NAME, value: VALUE} or rest",
    ]),
    "rest of nothing": ("tune: {from: test, share: 0.5}", "tune: test", [
        "9:5: dataset.splits.holdout: rest of nothing: no other split is a share "
        "{from: NAME, share: 0.5}",
    ]),
    "two rests": ("fit: train.txt", "fit: rest", [
        "9:5: dataset.splits.holdout: only one split can be the rest; fit is already",
    ]),
    "rest of two": ("fit: train.txt", "fit: {from: train, share: 0.5}", [
        "9:5: dataset.splits.holdout: rest of which list? Shared are test and train",
    ]),
    "too much shared": ("fit: train.txt", "fit: {from: test, share: 0.6}", [
        "8:5: dataset.splits.tune: the shares of 'test' add up to more than 1",
        "9:5: dataset.splits.holdout: nothing is left: the shares add up to 1",
    ]),
    "seeds differ": ("fit: train.txt", "fit: {from: test, share: 0.2, seed: 3}", [
        "8:5: dataset.splits.tune: the shares of 'test' must have the same seed, "
        "or they would overlap",
    ]),
    "list twice": ("holdout: rest", "holdout: train.txt", [
        "9:5: dataset.splits.holdout: the list 'train.txt' is another split already",
    ]),
    "list whole and shared": ("fit: train.txt", "fit: test", [
        "7:5: dataset.splits.fit: the list 'test' is taken whole and shared too",
    ]),
    "unknown list": ("fit: train.txt", "fit: trian.txt", [
        "7:10: dataset.splits.fit: no such file: FOLDER/data/trian.txt",
    ]),
    "unknown list of a share": ("from: test,", "from: tset,", [
        "8:11: dataset.splits.tune: no such file: FOLDER/data/tset.txt",
    ]),
    "unknown split": ("holdout: rest", "holdout: rest\n    hold: rest", [
        "10:5: dataset.splits.hold: unknown key. Did you mean 'holdout'?",
    ]),
    "unknown key of a share": ("share: 0.5}", "shar: 0.5}", [
        "8:11: dataset.splits.tune.share: missing; expected a number > 0 and < 1",
        "8:24: dataset.splits.tune.shar: unknown key. Did you mean 'share'?",
    ]),
    "split is a list": ("fit: train.txt", "fit: [a]", [
        "7:10: dataset.splits.fit: expected a list's name, {from: NAME, share: 0.5}, "
        "{column: NAME, value: VALUE} or rest, got a list",
    ]),
    "missing root, once": ("root: data", "root: dat", [
        "4:9: dataset.root: no such folder: FOLDER/dat",
    ]),
    "missing images": ("kind: table\n", "kind: table\n  images: pictures\n", [
        "4:11: dataset.images: no such folder: FOLDER/data/pictures",
    ]),
    "missing files": ("corpus: words.txt", "corpus: word.txt", [
        "11:11: concepts.corpus: no such file: FOLDER/word.txt",
    ]),
    "missing checkpoint": ("weights.pt", "weight.pt", [
        "12:42: concepts.encoder.pretrained: no such file: FOLDER/weight.pt",
    ]),
    "missing model": ("ViT-B-16", "models/mine", [
        "12:20: concepts.encoder.model: no such folder: FOLDER/models/mine",
    ]),
    "folder for a file": ("corpus: words.txt", "corpus: data", [
        "11:11: concepts.corpus: no such file: FOLDER/data",
    ]),
    "variable": ("root: data", "root: ${NOT_SET_HERE}/a", [
        "4:9: dataset.root: NOT_SET_HERE is not set; set it first, for example: "
        "export NOT_SET_HERE=FOLDER",
    ]),
    "unknown view": ("teacher:", "layout: {rows: [[embeding]]}\nteacher:", [
        f"13:18: layout.rows: expected {VIEWS}, got 'embeding'. Did you mean 'embedding'?",
    ]),
    "view twice": ("teacher:", "layout: {rows: [[detail], [detail]]}\nteacher:", [
        "13:28: layout.rows: the view 'detail' is named twice",
    ]),
    "empty row": ("teacher:", "layout: {rows: [[]]}\nteacher:", [
        "13:17: layout.rows: expected a list of configuration, performance, knowledge, embedding, "
        "detail, provenance, got an empty list",
    ]),
    "level that the draws cannot tell": (
        "teacher:", "views: {draws: 399, confidence: 0.995}\nteacher:", [
        "13:21: views.confidence: 0.995 needs at least 400 draws, and draws is 399",
    ]),
    "level of no interval": ("teacher:", "views: {confidence: 1}\nteacher:", [
        "13:21: views.confidence: expected a number > 0.5 and < 1, got '1'",
    ]),
    "key twice": ("teacher:", "title: Again\nteacher:", [
        "13:1: the key 'title' is given twice (first on line 1)",
    ]),
    "tag that would run code": ("title: Small", "title: !!python/object/apply:os.system [ls]", [
        "1:8: the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not allowed",
        "1:8: title: expected text, got a list",
    ]),
    "tag below an unknown key": ("teacher:", "zzz: {a: !b 1}\nteacher:", [
        "13:1: zzz: unknown key; there are title, store, history, dataset, concepts, teacher, "
        "device, students, tuning, views, layout, study",
        "13:10: the tag '!b' is not allowed",
    ]),
    "key that is a list": ("teacher:", "? [a]\n: b\nteacher:", [
        "13:3: a key must be text, got a list",
    ]),
    "broken flow": ("{kind: logits, path: logits.csv}", "{kind: logits", [
        "14:1: not YAML: while parsing a flow mapping, expected ',' or '}', but got "
        "'<stream end>'",
    ]),
    "broken mapping": ("title: Small", "title: Small: or not", [
        "1:13: not YAML: mapping values are not allowed here",
    ]),
    "tab": ("title: Small", "\ttitle: Small", [
        "1:1: not YAML: while scanning for the next token, found character '\\t' that cannot "
        "start any token",
    ]),
    "two documents": ("teacher:", "---\nteacher:", [
        "13:1: not YAML: expected a single document in the stream, but found another document",
    ]),
    "control character": ("title: Small", "title: Small\nzzz: \x01", [
        "2:6: not YAML: a control character",
    ]),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_each_problem_has_its_place_and_its_words(folder, good, case, monkeypatch):
    monkeypatch.delenv("NOT_SET_HERE", raising=False)
    old, new, expected = CASES[case]
    assert good.count(old) == 1
    found = folder.problems(good.replace(old, new))
    assert [problem.replace(str(folder.path), "FOLDER") for problem in found] == expected


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "1:1: the file is empty; a spec starts with 'title: ...'"),
        (b"# only a comment\n", "1:1: the file is empty; a spec starts with 'title: ...'"),
        (b"- a\n", "1:1: expected a mapping (title: ..., dataset: ...), got a list"),
        (b"words", "1:1: expected a mapping (title: ..., dataset: ...), got 'words'"),
        (b"title: a\nb: caf\xe9\n", "2:7: not UTF-8 text; save the file as UTF-8"),
        ("title: a".encode("utf-16"), "1:1: not UTF-8 text; save the file as UTF-8"),
        (b"[" * 5000, "1:51: not YAML: nested too deeply"),
    ],
)
def test_files_that_are_no_mapping(folder, text, problem):
    assert folder.problems(text) == [problem]


def test_aliases_that_hold_themselves_end(folder, good):
    [problem] = folder.problems(good + "layout: &a {theme: *a}\n")
    assert problem == "14:9: layout.theme: expected auto, light or dark, got a mapping"


PIECES = st.one_of(
    st.sampled_from(
        [*"{}[]:,-#&*!|>'\"%@`?\n\t ", "<<: *a", "${X}", "null", "!!set", "1e9999", "~"]
    ),
    st.text(max_size=4),
)


@given(st.lists(st.tuples(st.integers(0, 330), st.integers(0, 12), PIECES), min_size=1, max_size=4))
@settings(deadline=None, max_examples=200, derandomize=True)
def test_any_damage_is_a_problem_or_harmless(tmp_path_factory, changes):
    text = GOOD
    for start, removed, piece in changes:
        text = text[:start] + piece + text[start + removed :]
    file = tmp_path_factory.getbasetemp() / "damaged.yaml"
    file.write_bytes(text.encode("utf-8", "surrogatepass"))
    problems = []
    try:
        load_spec(file, check_files=False)
    except SpecError as error:
        problems = error.problems
    lines = text.count("\n") + 1
    assert all(1 <= problem.line <= lines and problem.column >= 1 for problem in problems)


ELSEWHERE = {
    "a list as a key": ("[a]: b\n", ["1:1: a key must be text, got a list"]),
    "columns without a table": (
        "dataset: {kind: columns, root: ., path: p, splits: {fit: a, tune: b, holdout: c}}\n",
        ["1:1: dataset.table: where are the labels?", "1:10: dataset.table: missing"],
    ),
    "no such kind": ("dataset: {kind: nope, path: p}\n", ["1:17: dataset.kind: expected table,"]),
    "no name": ("store: /\n", ["1:8: store: expected a path whose names have 1 to 200 bytes"]),
    "a long name": (f"store: {'x' * 256}\n", ["1:8: store: expected a path whose names have"]),
    "a long path": (f"history: {'x/' * 2000}x\n", ["1:10: history: expected a path whose names"]),
    "a large factor": ("tuning: {factor: 1001}\n", ["1:18: tuning.factor: expected a number > 1"]),
    "half a character": ('title: "\\ud800"\n', ["1:8: holds a character that is only half of one"]),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_faults_at_keys_that_are_not_there_are_told_at_their_section(folder, case):
    text, expected = ELSEWHERE[case]
    found = folder.problems(text, check_files=False)
    for start in expected:
        assert any(line.startswith(start) for line in found), found
    assert not any("Traceback" in line for line in found)
