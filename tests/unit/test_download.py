"""Public data sets: fetched whole, with the right hash, or not there. Tiny archives of the same
layout stand for the publishers', on a server of this machine."""

import hashlib
import http.server
import io
import json
import tarfile
import threading
import zipfile
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from precompute_factory import photo

from inficond_panel.cli import main
from inficond_panel.spec import find_spec, load_spec
from precompute.datasets import load_dataset
from precompute.download import PUBLIC, bring

pytestmark = pytest.mark.commands

ATTRIBUTES = "1 has_bill_shape::curved_(up_or_down)\n2 has_wing_color::blue\n"


def jpeg(seed: int, size: tuple[int, int] = (20, 16)) -> bytes:
    stream = io.BytesIO()
    photo(seed, size).save(stream, "JPEG")
    return stream.getvalue()


def tarred(members: dict[str, bytes], how: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=how) as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return stream.getvalue()


def zipped(members: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in members.items():
            packed.writestr(name, content)
    return stream.getvalue()


def voc(part: str, first: int) -> bytes:
    home, members = "VOCdevkit/VOC2007", {}
    names = [f"{first + i:06d}" for i in range(8)]
    for i, name in enumerate(names):
        members[f"{home}/JPEGImages/{name}.jpg"] = jpeg(i)
        kinds = ("cat", "dog") if i == 0 else (("cat", "dog")[i % 2],)
        boxes = [f"<object><name>{kind}</name><difficult>0</difficult></object>" for kind in kinds]
        members[f"{home}/Annotations/{name}.xml"] = f"<a>{''.join(boxes)}</a>".encode()
    for stem in (part, f"cat_{part}", f"dog_{part}"):
        members[f"{home}/ImageSets/Main/{stem}.txt"] = "\n".join(names).encode()
    return tarred({**members, f"{home}/SegmentationClass/000001.png": b"not asked for"})


def coco() -> list[bytes]:
    """Ten photos of cats, five of dogs, five of both."""
    photos = {f"val2017/{i:012d}.jpg": jpeg(i) for i in range(20)}
    kind_of = [*[(i, 1) for i in (*range(10), *range(15, 20))], *[(i, 2) for i in range(10, 20)]]
    document = {
        "images": [{"id": i, "file_name": f"{i:012d}.jpg"} for i in range(20)],
        "annotations": [
            {"id": at, "image_id": image, "category_id": kind, "iscrowd": 0}
            for at, (image, kind) in enumerate(kind_of)
        ],
        "categories": [{"id": 1, "name": "cat"}, {"id": 2, "name": "dog"}],
    }
    instances = {"annotations/instances_val2017.json": json.dumps(document).encode()}
    others = {"annotations/captions_val2017.json": b"{}", "../escaped.txt": b"no"}
    return [zipped(photos), zipped(instances | others)]


def cub() -> list[bytes]:
    home, members = "CUB_200_2011", {"attributes.txt": ATTRIBUTES.encode()}
    kinds = ["001.Black_footed_Albatross", "002.Laysan_Albatross"]
    paths = [f"{kinds[i % 2]}/bird_{i}.jpg" for i in range(12)]
    lists = {"images": paths, "classes": kinds}
    lists["image_class_labels"] = [1 + i % 2 for i in range(12)]
    lists["train_test_split"] = [int(i < 6) for i in range(12)]
    for name, lines in lists.items():
        numbered = [f"{i} {line}" for i, line in enumerate(lines, 1)]
        members[f"{home}/{name}.txt"] = "\n".join(numbered).encode()
    photos = {f"{home}/images/{path}": jpeg(i) for i, path in enumerate(paths)}
    return [tarred({**members, **photos}, "w:gz")]


MADE = {"coco-val2017": coco, "cub200": cub}
MADE["voc2007"] = lambda: [voc("trainval", 1), voc("test", 101)]


class Publisher(http.server.BaseHTTPRequestHandler):
    """Gives files of ``server.files``, from where it is asked; notes what it sent."""

    def do_GET(self) -> None:
        content = self.server.files[self.path]
        start = 0
        if self.server.ranges and (asked := self.headers.get("Range")):
            start = int(asked.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.end_headers()
        sent = content[start : start + self.server.most]
        self.server.sent.append(len(sent))
        self.wfile.write(sent)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def publisher(monkeypatch):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Publisher)
    server.files, server.sent, server.most, server.ranges = {}, [], 1 << 30, True
    for name, data in PUBLIC.items():
        archives = []
        for archive, content in zip(data.archives, MADE[name](), strict=True):
            server.files[f"/{archive.name}"] = content
            url = f"http://127.0.0.1:{server.server_port}/{archive.name}"
            digest = hashlib.sha256(content).hexdigest()
            archives.append(replace(archive, url=url, sha256=digest, size=len(content)))
        monkeypatch.setitem(PUBLIC, name, replace(data, archives=tuple(archives)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(
    params=[
        ("voc2007", ("cat", "dog"), [8, 4, 4]),
        ("coco-val2017", ("cat", "dog"), [12, 4, 4]),
        ("cub200", ("Black footed Albatross", "Laysan Albatross"), [6, 3, 3]),
    ],
    ids=lambda given: given[0],
)
def fetched(request, publisher, here, monkeypatch, capsys) -> SimpleNamespace:
    """A data set that was fetched with its spec: name, classes, sizes of splits, what was said."""
    name, classes, counts = request.param
    assert main(["init", "--download", name, f"data/{name}", "--output", "own.yaml"]) == 0
    monkeypatch.setenv("INFICOND_DATA", str(here / "data"))
    told = capsys.readouterr().err
    return SimpleNamespace(name=name, classes=classes, counts=counts, told=told)


def test_terms_of_use_are_told(fetched):
    assert PUBLIC[fetched.name].terms in fetched.told


def test_its_spec_fits_what_is_fetched(fetched):
    name, classes, counts = fetched.name, fetched.classes, fetched.counts
    for file in (find_spec(name), "own.yaml"):
        spec = load_spec(file)
        dataset = load_dataset(spec.dataset)
        assert dataset.classes == classes
        found = [dataset.split.count(split) for split in ("fit", "tune", "holdout")]
        assert sum(found) == sum(counts)
        assert found == pytest.approx(counts, abs=1)  # drawn by stratum
        assert dataset.load(0).size == (20, 16)
        assert spec.dataset.task == ("single_label" if name == "cub200" else "multi_label")


def test_attributes_of_birds_are_the_words(fetched):
    spec = load_spec("own.yaml")
    if fetched.name == "cub200":
        words = Path(spec.concepts.corpus).read_text().splitlines()
        assert words == ["curved (up or down) bill shape", "blue wing color"]


def test_only_what_is_asked_for_is_unpacked(fetched, here):
    assert sorted(path.name for path in (here / "data").iterdir()) == [fetched.name]
    assert not list(here.rglob("escaped.txt")) + list(here.rglob("*Segmentation*"))


def test_it_is_fetched_once(fetched, publisher):
    name = fetched.name
    sent = len(publisher.sent)
    assert main(["init", "--download", name, f"data/{name}", "--output", "again.yaml"]) == 0
    assert len(publisher.sent) == sent


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "no ranges"])
def test_it_goes_on_where_it_broke_off(ranges, publisher, here, capsys):
    size = len(publisher.files["/VOCtrainval_06-Nov-2007.tar"])
    publisher.most, publisher.ranges = size // 3, ranges
    assert main(["init", "--download", "voc2007"]) == 1
    told = capsys.readouterr().err
    assert "could not be downloaded: the connection was closed" in told
    assert "Run the command again: it resumes." in told
    assert [path.name for path in here.iterdir()] == ["voc2007.archives"]
    publisher.most = 1 << 30
    assert main(["init", "--download", "voc2007"]) == 0
    assert publisher.sent[:2] == [size // 3, size - size // 3 if ranges else size]
    left = sorted(path.name for path in here.iterdir() if path.suffix != ".txt")
    assert left == ["voc2007", "voc2007.yaml"]


def test_another_file_than_the_published_is_removed_one_brought_is_taken(publisher, here, capsys):
    content = publisher.files["/CUB_200_2011.tgz"]
    publisher.files["/CUB_200_2011.tgz"] = content[:-1] + bytes([content[-1] ^ 1])
    assert main(["init", "--download", "cub200"]) == 1
    assert "differs from the published file: its SHA-256 is" in capsys.readouterr().err
    publisher.files["/CUB_200_2011.tgz"] = content + b"more"
    assert main(["init", "--download", "cub200"]) == 1
    assert "it is larger than" in capsys.readouterr().err
    assert [path.name for path in here.rglob("*")] == ["cub200.archives"]
    sent = len(publisher.sent)
    (here / "cub200.archives" / "CUB_200_2011.tgz").write_bytes(content)
    assert bring(PUBLIC["cub200"], Path("cub200"), lambda *_: None).is_dir()
    assert len(publisher.sent) == sent


def instead(monkeypatch, **changed):
    data = PUBLIC["cub200"]
    archives = (replace(data.archives[0], **changed),)
    monkeypatch.setitem(PUBLIC, "cub200", replace(data, archives=archives))


def test_no_network_is_told_a_wrong_archive_leaves_nothing(publisher, here, monkeypatch, capsys):
    with monkeypatch.context() as patch:
        instead(patch, url="http://127.0.0.1:9/CUB_200_2011.tgz")
        assert main(["init", "--download", "cub200"]) == 1
    told = capsys.readouterr().err
    assert "http://127.0.0.1:9/CUB_200_2011.tgz could not be downloaded" in told
    assert "0 MB of 0 MB were received" in told
    assert "cub200.archives/CUB_200_2011.tgz" in told
    short = tarred({"CUB_200_2011/images.txt": b"1 a/b.jpg\n", "CUB_200_2011/classes.txt": b""})
    publisher.files["/CUB_200_2011.tgz"] = short
    instead(monkeypatch, sha256=hashlib.sha256(short).hexdigest(), size=len(short))
    assert main(["init", "--download", "cub200"]) == 1
    assert "image_class_labels.txt cannot be read" in capsys.readouterr().err
    assert not (here / "cub200").exists()
    assert not list(here.glob("*.yaml"))


def test_mistakes_are_told_before_anything_is_fetched(publisher, here, capsys):
    (here / "full").mkdir()
    (here / "other").mkdir()
    (here / "other" / ".fetched").write_text("PASCAL VOC 2007: terms\n")
    (here / "there.yaml").write_text("title: there\n")
    for words, told in (
        ("--download voc2070", "data set 'voc2070'. Did you mean 'voc2007'?"),
        ("--download imagenet", "There are: voc2007, coco-val2017, cub200."),
        ("--download cub200 full", "full already exists, and is not a download of CUB-200-2011"),
        ("--download cub200 a b", "--download is only for a folder of photos"),
        ("--download cub200 --output there.yaml", "there.yaml already exists"),
        ("--download cub200 --output none/a.yaml", "There is no folder none"),
        ("--download cub200 --concepts classes --corpus mine.txt", "a list of words, and --corpus"),
        ("--download cub200 other", "other already exists, and is not a download of CUB-200-2011"),
        ("", "No folder is named"),
    ):
        assert main(["init", *words.split()]) == 1
        assert told in capsys.readouterr().err, words
    assert publisher.sent == []
