"""The sections concepts.scores and concepts.projections."""

import jsonschema
import pytest
from good_spec import GOOD
from ruamel.yaml import YAML

from inficond_panel.errors import SpecError
from inficond_panel.spec import json_schema, load_spec


def with_concepts(folder, lines):
    text = GOOD.replace("  corpus: words.txt\n", f"  corpus: words.txt\n{lines}")
    (folder / "spec.yaml").write_text(text)
    return folder / "spec.yaml"


def load(folder, lines):
    return load_spec(with_concepts(folder, lines), check_files=False).concepts


def problems(folder, lines):
    with pytest.raises(SpecError) as told:
        load(folder, lines)
    return str(told.value)


def test_left_out_it_is_the_papers_way(tmp_path):
    concepts = load(tmp_path, "")
    assert concepts.scores.values() == {"method": "max_cosine"}
    assert (concepts.projections.methods, concepts.projections.segments) == (
        ["tsne", "pca"],
        1_000_000,
    )


@pytest.mark.parametrize(
    ("lines", "values"),
    [
        ("  scores: {method: centred}\n", {"method": "centred"}),
        ("  scores: {method: contrast}\n", {"method": "contrast", "temperature": 0.1}),
        (
            "  scores: {method: contrast, temperature: 5e-2}\n",
            {"method": "contrast", "temperature": 0.05},
        ),
    ],
)
def test_each_way_reads_and_writes_back(tmp_path, lines, values):
    path = with_concepts(tmp_path, lines)
    spec = load_spec(path, check_files=False)
    assert spec.concepts.scores.values() == values
    (tmp_path / "again.yaml").write_text(spec.to_yaml())
    assert load_spec(tmp_path / "again.yaml", check_files=False).concepts == spec.concepts
    jsonschema.validate(YAML(typ="safe", pure=True).load(path.read_text()), json_schema())


@pytest.mark.parametrize(
    ("lines", "fault"),
    [
        (
            "  scores: {temperature: 0.1}\n",
            "concepts.scores.temperature: is not used with method: max_cosine; it belongs to "
            "method: contrast",
        ),
        ("  scores: {method: contrast, temperature: 0}\n", "expected a number > 0, got '0'"),
        ("  scores: {method: centered}\n", "Did you mean 'centred'?"),
        ("  scores: max_cosine\n", "expected a mapping with the keys method, temperature"),
        ("  projections: {segments: 2000000}\n", "a whole number >= 0 and <= 1e+06"),
        ("  projections: {methods: [pca, umapp]}\n", "Did you mean 'umap'?"),
    ],
)
def test_faults_are_told(tmp_path, lines, fault):
    said = problems(tmp_path, lines)
    assert fault in said
