"""A table of changes to a good spec, each with the problems it must cause."""

import ast
import re

import pytest
from good_spec import GOOD
from hypothesis import given, settings
from hypothesis import strategies as st

from inficond_panel.errors import SpecError
from inficond_panel.spec import check_against, load_spec

#: A change to the good spec: - one text => another, or + a line before the teacher; below it
#: each problem that it must cause, with its place, its key and words of it (… is anything).
CASES = re.findall(
    r"^([+-] .*)\n((?:  .*\n)+)",
    r"""
- title: Small => titel: Small
  1:1: titel: unknown key. Did you mean 'title'?
  1:1: title: missing; expected text
+ students: {temprature: 2, lambda_: 1, lambda: abc, labels: {}, distil_on: fit,
| threshold: {cat: x}, targets: oracle}
  13:12: students.temprature: unknown key. Did you mean 'temperature'?
  13:27: students.lambda_: unknown key. Did you mean 'lambda'?
  13:47: students.lambda: expected auto, a number >= 0 or…default) to such numbers, got 'abc'
  13:60: students.labels.alpha: missing; expected a number >= 0
  13:75: students.distil_on: expected a list of fit, tune, got 'fit'
  13:97: students.threshold: expected a number, got 'x'
  13:101: students.targets: oracle needs oracle logits; set teacher.oracle
+ zzz: {a: !b 1}
  13:1: zzz: unknown key; the keys are title, store, history,…udents, tuning, views, layout, study
  13:10: the tag '!b' is not allowed
+ students: {lambda: '0.5'}
  13:20: students.lambda: expected auto, a number >= 0 or…to such numbers, got '0.5' in quotes
+ students: {lambda: {cat: -1}}
  13:26: students.lambda: expected auto or a number >= 0, got '-1'
+ students: {lambda: {}, epochs: 5, lr: 1, seed: 1}
  13:20: students.lambda: expected auto, a number >= 0 or…ault) to such numbers, got a mapping
  13:24: students.epochs: is not used with solver: exact; it belongs to solver: paper
  13:35: students.lr: is not used with solver: exact; it belongs to solver: paper
  13:42: students.seed: is not used with solver: exact; it belongs to solver: paper
+ students: {solver: paper, l2: 1, labels: {alpha: 1}, link: softmax, epochs: 2.5, tolerance: 1e-6}
  13:27: students.l2: is not used with solver: paper; it belongs to solver: exact
  13:34: students.labels: is not used with solver: paper; it belongs to solver: exact
  13:54: students.link: is not used with solver: paper; it belongs to solver: exact
  13:77: students.epochs: expected a whole number >= 1, got '2.5'
  13:82: students.tolerance: is not used with solver: paper; it belongs to solver: exact
+ students: {link: softmax, l2: 1, lambda: {cat: 0, default: 1}}
  13:12: students.link: softmax needs one class per image;…: single_label or use sigmoid
  13:27: students.l2: is not used with link: softmax; leave it out, or write link: sigmoid
  13:34: students.lambda: must be above 0 with link: softmax
+ tuning: {factor: true}
  13:18: tuning.factor: expected a number > 1 and <= 1000, got 'true'
+ tuning: {aim: worst-group}
  13:10: tuning.aim: worst-group needs tuning.groups: what divides the images
+ tuning: {aim: worst, groups: [place]}
  13:15: tuning.aim: expected mean-ap or worst-group, got 'worst'. Did you mean 'worst-group'?
  13:30: tuning.groups: expected text, got a list
+ tuning: {factor: .nan, step: nan}
  13:18: tuning.factor: expected a number > 1 and <= 1000, got '.nan'
  13:30: tuning.step: expected a number > 0, got 'nan'
+ tuning: {factor: .inf, step: 1e999}
  13:18: tuning.factor: expected a number > 1 and <= 1000, got '.inf'
  13:30: tuning.step: expected a number > 0, got '1e999'
- title: Small => title: 2024
  1:8: title: expected text, got '2024' (for text write "2024")
- title: Small => title: 0x10
  1:8: title: expected text, got '0x10' (for text write "0x10")
- title: Small => title:
  1:1: title: expected text, got nothing
- title: Small => title: ' '
  1:8: title: expected text, got ' ' in quotes
- teacher: {kind: logits, path: logits.csv} => teacher: [a]
  13:10: teacher: expected a mapping with the keys kind, p…d, bias, folds, l2, seed, got a list
- teacher: {kind: logits, path: logits.csv} => teacher:
  13:1: teacher: expected a mapping with the keys kind, pa…, bias, folds, l2, seed, got nothing
+ tuning: {factor: 0.5, epochs: 0}
  13:18: tuning.factor: expected a number > 1 and <= 1000, got '0.5'
  13:23: tuning.epochs: is not used with solver: exact; it belongs to solver: paper
  13:31: tuning.epochs: expected a whole number >= 1, got '0'
- tune: {from: test, share: 0.5} => tune: {from: test, share: 1}
  8:31: dataset.splits.tune.share: expected a number > 0 and < 1, got '1'
- {kind: logits, path: logits.csv} => {kind: logits, path: logits.csv, heads: 2}
  13:43: teacher.heads: is not used with kind: logits; it belongs to kind: query2label
- {kind: logits, path: logits.csv} => {kind: query2label, path: logits.csv, outputs: logits}
  13:48: teacher.outputs: is not used with kind: query2label; it b… kind: python or kind: plugin
- kind: logits, path: logits.csv => kind: onnx, path: logits.csv, oracle: {},\n
|  preprocessing: {size: [8, 8], mean: [0, 0, 0], std: [1, 1, 1]}
  13:41: teacher.oracle: is not used with kind: onnx; it b…ers or kind: open_clip or kind: head
- kind: logits => kind: torchscript
  13:10: teacher.preprocessing: missing; expected a mappin…std, interpolation, crop, channels
- kind: logits, path: logits.csv => kind: timm, model: m, pretrained: t,\n  preprocessing:
| {size: 8, mean: [0, 0], std: [1, 0, 1], crop: 2}
  14:25: teacher.preprocessing.size: expected [width, height], two whole numbers > 0, got '8'
  14:34: teacher.preprocessing.mean: expected [red, green, blue], three numbers, got a list
  14:47: teacher.preprocessing.std: expected [red, green, blue], three numbers > 0, got a list
  14:64: teacher.preprocessing.crop: expected a number >= 0 and <= 1, got '2'
- kind: logits, path: logits.csv => kind: open_clip, words: {cat: 3}
  13:41: teacher.words: expected text, got '3' (for text write "3")
- kind: logits, path: logits.csv => kind: head, oracle: {gamma: 0}
  13:39: teacher.oracle.gamma: expected a number > 0, got '0'
- kind: logits, path: logits.csv => kind: head, oracle: {gamma: 1e999}
  13:39: teacher.oracle.gamma: expected a number > 0, got '1e999'
+ tuning: {factor: 1001, preview: yes}
  13:18: tuning.factor: expected a number > 1 and <= 1000, got '1001'
  13:33: tuning.preview: expected true or false, got 'yes'
+ layout: {theme: drak, rows: [[embeding]]}
  13:17: layout.theme: expected auto, light or dark, got 'drak'. Did you mean 'dark'?
  13:31: layout.rows: expected configuration, performance,…embeding'. Did you mean 'embedding'?
-   labels: labels.csv\n =>
  3:3: dataset.labels: missing; expected the path of a file
- kind: table => kind: tabel
  3:9: dataset.kind: expected table, voc, coco, folder, co…, got 'tabel'. Did you mean 'table'?
-   kind: table\n =>
  3:3: dataset.kind: missing; expected table, voc, …er, columns, python, plugin, store or scenes
- kind: table\n => kind: table\n  image_id: file\n
  4:3: dataset.image_id: is not used with kind: table; it belongs to kind: coco or kind: columns
-   corpus: =>   prompts: [a photo]\n  scores: {method: centered}\n
|  projections: {methods: [pca, pac]}\n  corpus:
  11:13: concepts.prompts: expected a text with {} in it,…et or imagenet_simple, got 'a photo'
  12:20: concepts.scores.method: expected max_cosine, …d or words, …Did you mean 'centred'?
  13:32: concepts.projections.methods: expected pca, tsne…umap, got 'pac'. Did you mean 'pca'?
-   corpus: =>   prompts: []\n  scores: {temperature: 0.1}\n  projections: {segments: 2000000}\n
|  corpus:
  11:12: concepts.prompts: expected a list of texts with {…; or one of these, got an empty list
  12:12: concepts.scores.temperature: is not used with met…cosine; it belongs to method: contrast
  13:27: concepts.projections.segments: expected a whole number >= 0 and <= 1e+06, got '2000000'
- pretrained: weights.pt => image_size: 32
  12:13: concepts.encoder.model: needs pretrained, a name, or the path of a file
- ViT-B-16, pretrained: weights.pt => 'hf-hub:a/b', pretrained: openai
  12:34: concepts.encoder.pretrained: is not used with hf-hub:a/b; the hub has the weights
- ViT-B-16, pretrained: weights.pt => ./data, pretrained: openai
  12:28: concepts.encoder.pretrained: must be a file for a model's folder, got 'openai'
- ViT-B-16, pretrained: weights.pt => 'hf-hub:a'
  12:20: concepts.encoder.model: expected a name, hf-hub:ORG/NAME, or the path of a folder, got 'h…
- weights.pt => weights.pt, image_size: 31, attention: values
  12:66: concepts.encoder.image_size: expected a…>= 32, or [width, height] of such numbers, got '31'
  12:81: concepts.encoder.attention: expected value, plain, clearclip or scl…Did you mean 'value'?
- weights.pt => weights.pt, image_size: [64, 16]
  12:66: concepts.encoder.image_size: expected a…>= 32, or [width, height] of such nu…, got a list
-   corpus: =>   scores: {method: contrast, temperature: 0}\n  projections: {methods: [pca, pca]}\n
|  corpus:
  11:43: concepts.scores.temperature: expected a number > 0, got '0'
  12:32: concepts.projections.methods: 'pca' is named twice
-   corpus: =>   scores: max_cosine\n  corpus:
  11:11: concepts.scores: expected a mapping with the keys method, temperature, got 'max_cosine'
-     fit: train.txt\n =>
  7:5: dataset.splits.fit: missing; expected a list's name…{column: NAME, value: VALUE} or rest
- tune: {from: test, share: 0.5} => tune: test
  9:5: dataset.splits.holdout: rest needs another split that is a share, as {from: all, share: 0.6}
- fit: train.txt => fit: rest
  9:5: dataset.splits.holdout: only one split can be rest, and fit already is; write a share
- fit: train.txt => fit: {from: train, share: 0.5}
  9:5: dataset.splits.holdout: rest needs shares of one list, got test and train
- fit: train.txt => fit: {from: test, share: 0.6}
  8:5: dataset.splits.tune: the shares of 'test' add up to more than 1; lower a share
  9:5: dataset.splits.holdout: rest is empty: the shares add up to 1; lower a share
- fit: train.txt => fit: {from: test, share: 0.2, seed: 3}
  8:5: dataset.splits.tune: the shares of 'test' overlap unless they have the same seed
- holdout: rest => holdout: train.txt
  9:5: dataset.splits.holdout: the list 'train.txt' is used for another split; name another list
- fit: train.txt => fit: test
  7:5: dataset.splits.fit: the list 'test' is used whole and also in shares; choose one
- fit: train.txt => fit: trian.txt
  7:10: dataset.splits.fit: no such file: FOLDER/data/trian.txt
- from: test, => from: tset,
  8:11: dataset.splits.tune: no such file: FOLDER/data/tset.txt
- holdout: rest => holdout: rest\n    hold: rest
  10:5: dataset.splits.hold: unknown key. Did you mean 'holdout'?
- share: 0.5} => shar: 0.5}
  8:11: dataset.splits.tune.share: missing; expected a number > 0 and < 1
  8:24: dataset.splits.tune.shar: unknown key. Did you mean 'share'?
- labels.csv\n => labels.csv\n  metadata: [camera]\n
  6:13: dataset.metadata: expected the path of a file, got a list
- fit: train.txt => fit: [a]
  7:10: dataset.splits.fit: expected a list's name, {from:…E, value: VALUE} or rest, got a list
- root: data => root: dat
  4:9: dataset.root: no such folder: FOLDER/dat
- kind: table\n => kind: table\n  images: pictures\n
  4:11: dataset.images: no such folder: FOLDER/data/pictures
- corpus: words.txt => corpus: word.txt
  11:11: concepts.corpus: no such file: FOLDER/word.txt
- ViT-B-16, pretrained: weights.pt => models/mine, pretrained: weight.pt
  12:20: concepts.encoder.model: no such folder: FOLDER/models/mine
  12:45: concepts.encoder.pretrained: no such file: FOLDER/weight.pt
- corpus: words.txt => corpus: data
  11:11: concepts.corpus: no such file: FOLDER/data
- root: data => root: ${NOT_SET_HERE}/a
  4:9: dataset.root: NOT_SET_HERE is not set; set it first…example: export NOT_SET_HERE=FOLDER
+ layout: &a {theme: *a, rows: [[detail], [detail]]}
  13:9: layout.theme: expected auto, light or dark, got a mapping
  13:42: layout.rows: the view 'detail' is named twice; remove one
+ layout: {rows: [[]]}
  13:17: layout.rows: expected a list of configuration, pe…etail, provenance, got an empty list
+ views: {draws: 399, confidence: 0.995}
  13:21: views.confidence: 0.995 needs at least 400 draws, and draws is 399
+ views: {confidence: 1}
  13:21: views.confidence: expected a number > 0.5 and < 1, got '1'
+ title: Again
  13:1: the key 'title' is repeated (first on line 1)
- title: Small => title: !!python/object/apply:os.system [ls]
  1:8: the tag 'tag:yaml.org,2002:python/object/apply:os.system' is not allowed
  1:8: title: expected text, got a list
+ ? [a]\n: b
  13:3: a key must be text, got a list
- {kind: logits, path: logits.csv} => {kind: logits
  14:1: not YAML: while parsing a flow mapping, expected ',' or '}', but got '<stream end>'
- title: Small => title: Small: or not
  1:13: not YAML: mapping values are not allowed here
- title: Small => \ttitle: Small
  1:1: not YAML: while scanning for the next token, found…ter '\t' that cannot start any token
+ ---
  13:1: not YAML: expected a single document in the stream, but found another document
- title: Small => title: "\ud800"
  1:8: has half of a character (\ud800 to \udfff); write it anew
- kind: table\n => kind: columns\n  path: p\n
  2:1: dataset.table: needs the columns of the labels; write labels: [...], or label: NAME
  3:3: dataset.table: missing; expected the path of a file, or a list of paths
  6:11: dataset.labels: expected a list of texts, got 'labels.csv'
+ store: /
  13:8: store: expected a path of at most 3000 bytes, with names of 1 to 200 bytes, got '/'
- title: Small => title: Small\nzzz: \x01
  2:6: not YAML: a control character
""".replace("\n|", ""),
    re.MULTILINE,
)


LONG = "expected a path of at most 3000 bytes, with names of 1 to 200 bytes, got …"
CASES += [
    (f"+ store: {'x' * 256}", f"  13:8: store: {LONG}\n"),
    (f"+ history: {'x/' * 2000}x", f"  13:10: history: {LONG}\n"),
]


@pytest.mark.parametrize(("change", "told"), CASES, ids=[change[:40] for change, _ in CASES])
def test_each_problem_has_its_place_and_its_words(folder, change, told, monkeypatch):
    monkeypatch.delenv("NOT_SET_HERE", raising=False)
    change = re.sub(r"\\[nt\\]|\\x01", lambda found: ast.literal_eval(f'"{found[0]}"'), change)
    old, _, new = change[2:].partition(" =>")
    if change.startswith("+"):
        old, new = "teacher:", f" {change[2:]}\nteacher:"
    assert GOOD.count(old) == 1
    found = folder.problems(GOOD.replace(old, new.removeprefix(" ")))
    told = [re.escape(line.strip()).replace("…", ".*") for line in told.splitlines()]
    assert len(found) == len(told)
    for problem, words in zip(found, told, strict=True):
        assert re.fullmatch(words, problem.replace(str(folder.path), "FOLDER"))


EMPTY = "1:1: the file is empty; a spec starts with 'title: ...'"
MAPPING = "1:1: expected a mapping (title: ..., dataset: ...), got "


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", EMPTY),
        (b"# only a comment\n", EMPTY),
        (b"- a\n", MAPPING + "a list"),
        (b"words", MAPPING + "'words'"),
        (b"title: a\nb: caf\xe9\n", "2:7: not UTF-8 text; save the file as UTF-8"),
        ("title: a".encode("utf-16"), "1:1: not UTF-8 text; save the file as UTF-8"),
        (b"[" * 5000, "1:51: not YAML: nested too deeply"),
    ],
)
def test_files_that_are_no_mapping(folder, text, problem):
    assert folder.problems(text) == [problem]


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(SpecError, match=r"none\.yaml:1:1: no such file"):
        load_spec(tmp_path / "none.yaml")


def test_a_folder_in_place_of_a_file_is_told(tmp_path):
    with pytest.raises(SpecError, match=":1:1: is a folder, expected a YAML file"):
        load_spec(tmp_path)


WRONG = """\
students:
  lambda: {default: 1e-3, dgo: 1e-4}
  threshold:
    cat: 0.5
    "hors\\u0065": 1
"""


def test_classes_that_the_store_has_not_are_all_told_at_their_place(folder):
    spec = folder.load(GOOD + WRONG)
    start = GOOD.count("\n") + 1
    with pytest.raises(SpecError) as caught:
        check_against(spec, ["cat", "dog", "default"], "multi_label")
    assert [(p.file, p.line, p.column, p.message) for p in caught.value.problems] == [
        (spec.path, start + 1, 27,
         "students.lambda: there is no class 'dgo' in the store. Did you mean 'dog'?"),
        (spec.path, start + 4, 5, "students.threshold: there is no class 'horse' in the store"),
    ]  # fmt: skip
    assert "inficond info" in caught.value.remedy


MARKS = [*"{}[]:,-#&*!|>'\"%@`?\n\t ", "<<: *a", "${X}", "null", "!!set", "1e9999", "~"]
PIECES = st.sampled_from(MARKS) | st.text(max_size=4)


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
