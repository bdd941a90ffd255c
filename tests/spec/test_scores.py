"""The sections concepts.scores and concepts.projections."""

import pytest
from good_spec import GOOD

from inficond_panel.errors import SpecError
from inficond_panel.spec import load_spec


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
