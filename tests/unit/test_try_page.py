"""The page of a pocket as files: what is in it, what is refused, and how it is served."""

import base64
import gzip
import hashlib
import json
import re
import threading
import urllib.error
import urllib.request

import pytest

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from PIL import Image
from pocket_factory import CLASSES, tiny_pocket

from inficond_panel.cli import main
from inficond_panel.errors import DataError, ExportError, InficondError
from inficond_panel.export.pocket.folder import MODEL
from inficond_panel.try_page import page as try_page
from inficond_panel.try_page.page import INDEX, LICENCES, SCRIPT, WASM, make_page, write_page
from inficond_panel.try_page.server import PageServer

pytestmark = [pytest.mark.page, pytest.mark.commands]

#: SHA-256 of the files of npm's onnxruntime-web 1.30.0, whose archive npm checks by its own hash.
OF_NPM = {
    WASM: "3398c10d07d229bd91b364548e130e0e51a8e5704b88c7c083ebbeb78842dee2",
    SCRIPT: "11e64bd8ffe11bd1a2a2f0d6275fdfbbba7262f0b76b99b53d228a8a22ef3d90",
}


@pytest.fixture(scope="module")
def pocket(tmp_path_factory):
    return tiny_pocket(tmp_path_factory.mktemp("pocket"))


@pytest.fixture(scope="module")
def files(pocket):
    return make_page(pocket).files()


def facts_of(page):
    return json.loads(re.search(r'id="facts">(.*?)</script>', page.decode())[1])


def test_the_runtime_is_that_of_npm():
    folder = try_page._RUNTIME
    wasm = gzip.decompress((folder / WASM).read_bytes())
    assert hashlib.sha256(wasm).hexdigest() == OF_NPM[WASM]
    assert hashlib.sha256((folder / SCRIPT).read_bytes()).hexdigest() == OF_NPM[SCRIPT]


def test_a_folder_has_page_network_runtime_and_licences(files, pocket):
    assert set(files) == {INDEX, MODEL, WASM, LICENCES}
    assert files[MODEL] == pocket.read_bytes()


def test_the_facts_are_those_of_the_pocket(files):
    facts = facts_of(files[INDEX])
    assert facts["classes"] == list(CLASSES)
    assert facts["weights"][2] == [[1, 0.5], [2, 2.5]]  # without those that are 0
    assert facts["means"] == [0.6, 0.5, 0.4, 0.1]


def test_the_page_tells_how_good_the_network_is(files):
    page = files[INDEX].decode()
    assert "On 400 labelled images its average precision is 0.59 in the mean over classes" in page
    assert "that of the students that it stands for is 0.84." in page


def test_nothing_of_the_store_is_in_the_page(files):
    assert "content_hash" not in files[INDEX].decode()


def test_only_the_page_s_own_script_may_run(files):
    text = files[INDEX].decode()
    script = re.search(r'<script type="module">(.*)</script>', text, re.DOTALL)[1]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1].replace("&#39;", "'")
    assert f"script-src 'sha256-{digest}' 'wasm-unsafe-eval';" in policy
    assert "default-src 'none'" in policy


def test_a_name_ends_no_script(files):
    assert files[INDEX].count(b"</script>") == 4  # facts, runtime, network and script


def test_one_file_has_network_and_runtime(pocket):
    text = make_page(pocket).one_file().decode()
    model = re.search(r'id="model">(.*?)</script>', text)[1]
    assert base64.b64decode(model) == pocket.read_bytes()
    assert "data-file" not in text.partition('type="module"')[0]
    assert "connect-src &#39;none&#39;" in text


def test_a_file_that_gets_too_large_is_refused(pocket, tmp_path, monkeypatch):
    monkeypatch.setattr(try_page, "LARGEST_FILE", 10**6)
    with pytest.raises(ExportError, match=r"more than 1\.0 MB"):
        write_page(make_page(pocket), tmp_path / "try.html")
    assert not (tmp_path / "try.html").exists()


def test_a_folder_that_exists_is_left_alone(pocket, tmp_path):
    with pytest.raises(ExportError, match="already exists"):
        write_page(make_page(pocket), tmp_path)


def test_preprocessing_that_the_page_does_not_know_is_refused(tmp_path):
    steps = {"size": [48, 48], "mean": [0] * 3, "std": [1] * 3, "interpolation": "bicubic"}
    with pytest.raises(ExportError, match="does not know"):
        make_page(tiny_pocket(tmp_path, preprocessing={**steps, "crop": 0.9}))


def test_an_example_has_no_metadata_and_is_small(pocket, tmp_path):
    exif = Image.Exif()
    exif[0x0110] = "a camera"
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (2000, 1000), "red").save(photo, exif=exif)
    [example] = facts_of(make_page(pocket, [photo]).files()[INDEX])["examples"]
    assert b"a camera" in photo.read_bytes()
    content = base64.b64decode(example)
    assert b"a camera" not in content
    (tmp_path / "example.jpg").write_bytes(content)
    assert Image.open(tmp_path / "example.jpg").size == (640, 320)


def test_an_example_that_is_no_photo_is_refused(pocket, tmp_path):
    (tmp_path / "a.jpg").write_text("no photo")
    with pytest.raises(DataError, match="cannot be read"):
        make_page(pocket, [tmp_path / "a.jpg"])


# --- the server ----------------------------------------------------------------------------------


@pytest.fixture
def served(files):
    with PageServer(files, port=0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_a_file_is_served(served, files):
    with urllib.request.urlopen(served.url + MODEL) as reply:
        assert reply.read() == files[MODEL]


def test_the_page_is_at_the_root(served, files):
    with urllib.request.urlopen(served.url) as reply:
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"
        assert reply.read() == files[INDEX]


def test_gzip_is_served_as_it_is(served):
    with urllib.request.urlopen(served.url + WASM) as reply:
        assert reply.headers["Content-Encoding"] is None


@pytest.mark.parametrize("path", ["../page.py", "%2e%2e/page.py", "nothing"])
def test_other_files_are_not_served(served, path):
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(served.url + path)


def test_a_port_in_use_is_told(served, files):
    port = served.server_address[1]
    with pytest.raises(InficondError, match="cannot be served"):
        PageServer(files, port=port)


# --- the command ---------------------------------------------------------------------------------


def test_the_command_writes_a_folder(capsys, pocket, tmp_path):
    folder = tmp_path / "try"
    assert main(["page", "--try", str(pocket.parent), "--output", str(folder), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["files"] == {str(path): path.stat().st_size for path in folder.iterdir()}


def test_the_command_writes_one_file(pocket, tmp_path):
    file = tmp_path / "try.html"
    assert main(["page", "--try", str(pocket), "--output", str(file)]) == 0
    assert file.read_bytes().startswith(b"<!doctype html>")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "Neither a spec nor a pocket is named."),
        (["demo", "--try", "pocket.onnx"], "A pocket needs no spec, and demo is named."),
        (["--try", "pocket.onnx", "--node", "1"], "--node has no effect with --try."),
        (["--try", "pocket.onnx", "--class", "dog"], "--class has no effect with --try."),
        (["demo", "--serve"], "--serve has no effect without --try."),
        (["demo", "--example", "a.jpg"], "--example has no effect without --try."),
        (["--try", "pocket.onnx", "--port", "80"], "--port has no effect without --serve."),
        (["--try", "nothing.onnx"], "nothing.onnx cannot be read"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(capsys, words, message):
    assert main(["page", *words]) == 1
    assert message in capsys.readouterr().err
