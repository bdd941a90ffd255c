"""TorchScript files of others: what they hide does not run, and networks give their own outputs."""

import io
import pickle
import re
import struct
import warnings
import zipfile

import numpy as np
import pytest
from teacher_factory import PLAIN, teacher_section

from inficond_panel.errors import DataError
from precompute.teachers.loading import TeacherSource
from precompute.teachers.torchscript_code import NotAllowedError, check_native

pytest.importorskip("torch")
import torch
from torch import nn
from torchvision import models
from torchvision.ops import nms

pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore")]
WIDTH, HEIGHT = PLAIN["size"]
MARK = b"unchanged"


def load(file):
    """The teacher of a file with two outputs, loaded as the product loads it."""
    section = teacher_section("torchscript", path=file)
    return TeacherSource(section, ("bicycle", "train")).load()


def saved(network, file, **extra):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(network).save(str(file), **extra)
    return file


@pytest.fixture
def marker(tmp_path):
    """A file that attacks try to write."""
    file = tmp_path / "marker"
    file.write_bytes(MARK)
    return file


@pytest.fixture
def plain(tmp_path):
    """A harmless file of a linear network."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * WIDTH * HEIGHT, 2)).eval()
    return saved(network, tmp_path / "plain.pt")


def entries(file):
    with zipfile.ZipFile(file) as archive:
        return {entry.filename: archive.read(entry) for entry in archive.infolist()}


def packed(file, contents, before=b"", after=b"", method=zipfile.ZIP_STORED):
    """Write entries, as (name, content), to an archive between other bytes."""
    stream = io.BytesIO(before)
    stream.seek(0, io.SEEK_END)
    with zipfile.ZipFile(stream, "a", method) as archive:
        for name, content in contents:
            archive.writestr(name, content)
    file.write_bytes(stream.getvalue() + after)
    return file


def with_code(plain, file, change, **how):
    """The file ``plain`` with other code: ``change`` gets and returns all code of one entry."""
    contents = [
        (name, change(content.decode()).encode() if name.endswith(".py") else content)
        for name, content in entries(plain).items()
    ]
    return packed(file, contents, **how)


def calling(statement):
    """A change of code: ``statement`` runs first in ``forward`` of the outer network."""

    def change(code):
        head = r"(class Sequential.*?def forward\(.*?\) -> Tensor:\n)"
        return re.sub(head, rf"\1    {statement}\n", code, count=1, flags=re.DOTALL)

    return change


class Restores(nn.Module):
    """A network that writes a file while it is loaded."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    @torch.jit.export
    def __getstate__(self) -> str:
        return self.path

    @torch.jit.export
    def __setstate__(self, path: str) -> None:
        self.path = path
        shared = torch.from_file(path, True, 5, dtype=torch.uint8)
        shared.fill_(112)
        self.training = bool(shared.sum() > 0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean(dim=(2, 3))[:, :2]


class Saves(nn.Module):
    """A network that writes a file when it runs."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, self.path)
        return x.mean(dim=(2, 3))[:, :2]


def tried(file):
    """Load a file and run it, whatever happens; return the message of its refusal, or ""."""
    try:
        load(file).logits(np.zeros((2, 3, HEIGHT, WIDTH), np.float32))
    except DataError as error:
        return f"{error.message} {error.remedy}"
    return ""


def renamed(contents, old, new):
    return [(name.replace(old, new), content) for name, content in contents]


PACKINGS = {
    "as torch writes it": packed,
    "64 bytes before": lambda file, all_: packed(file, all_, before=bytes(64)),
    "an archive before": lambda file, all_: packed(
        file, all_, before=packed(file, [("a/data.pkl", b"\x80\x02).")]).read_bytes()
    ),
    "bytes after": lambda file, all_: packed(file, all_, after=bytes(64)),
    "compressed": lambda file, all_: packed(file, all_, method=zipfile.ZIP_DEFLATED),
    "capitals": lambda file, all_: packed(file, renamed(all_, ".py", ".PY")),
    "another folder": lambda file, all_: packed(file, renamed(all_, "code/", "./code/")),
    "outside": lambda file, all_: packed(file, renamed(all_, "code/", "../code/")),
    "two folders": lambda file, all_: packed(file, [("good/data.pkl", b"\x80\x02)."), *all_]),
}


@pytest.mark.parametrize("network", [Restores, Saves])
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_file_that_writes_files_writes_none(tmp_path, marker, network, packing):
    evil = saved(network(str(marker)), tmp_path / "evil.pt")
    assert tried(PACKINGS[packing](tmp_path / "packed.pt", list(entries(evil).items())))
    assert marker.read_bytes() == MARK


@pytest.mark.parametrize("network", [Restores, Saves])
@pytest.mark.parametrize("evil_first", [True, False])
def test_entries_of_one_name_are_refused(tmp_path, marker, plain, network, evil_first):
    # readers of ZIP files differ in which of two entries they take
    evil = saved(network(str(marker)), tmp_path / "evil.pt")
    both = [
        [(f"a/{name.partition('/')[2]}", content) for name, content in entries(file).items()]
        for file in (evil, plain)
    ]
    first, second = both if evil_first else reversed(both)
    message = tried(packed(tmp_path / "both.pt", first + second))
    assert "the same name" in message
    assert marker.read_bytes() == MARK


def with_two_ends(evil, plain, file):
    """Two archives in one file, each with its own directory and end; the second is empty."""
    empty = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 0, 0, 0, 0, 0)
    file.write_bytes(plain.read_bytes() + evil.read_bytes() + empty)
    return file


def test_two_ends_of_a_directory_write_no_file(tmp_path, marker, plain):
    evil = saved(Restores(str(marker)), tmp_path / "evil.pt")
    tried(with_two_ends(evil, plain, tmp_path / "ends.pt"))
    assert marker.read_bytes() == MARK


CALLS = {
    "torch": 'y = torch.from_file("{0}", True, 5, dtype=0)',
    "ops": 'y = ops.aten.from_file("{0}", True, 5, dtype=0)',
    "alias": 'f = torch.from_file; y = f("{0}", True, 5, dtype=0)',
    "alias of torch": 't = torch; y = t.from_file("{0}", True, 5, dtype=0)',
    "getattr": 'y = getattr(torch, "from_file")("{0}", True, 5, dtype=0)',
    "parenthesis": 'y = (torch).from_file("{0}", True, 5, dtype=0)',
    "lines": 'y = torch.\\\\\\n      from_file("{0}", True, 5, dtype=0)',
    "comment": 'y = (torch. # a comment\\n      from_file("{0}", True, 5, dtype=0))',
    "save": 'y = torch.save(input, "{0}")',
    "method": 'y = input.save("{0}")',
    "method of a list": 'y = [input, input].save("{0}")',
    "method by getattr": 'y = getattr(input, "save")("{0}")',
    "own name": 'save = 1; y = torch.save(input, "{0}")',
    "language": 'y = ops.prim.rpc_async("{0}", 1, (), None)',
    "other library": 'y = ops.image.write_file("{0}", input)',
    "print": 'print("{0}")',
    "settings": "y = torch.set_data(input, input)",
    "seed": "y = torch.manual_seed(3)",
    "storage": "y = torch.set_(input, input)",
    "classes": 'y = __torch__.torch.classes.dist_c10d.Store("{0}")',
    "classes by a part": 'n = __torch__.torch; y = n.classes.dist_c10d.Store("{0}")',
    "classes by getattr": 'y = getattr(__torch__.torch, "classes").dist_c10d.Store("{0}")',
    "a class by a text": 'y: "torch.classes.dist_c10d.Store" = input',
    "a class in a call": 'y = annotate("torch.classes.dist_c10d.Store", input)',
    "a stream": 'y = annotate("torch.cuda.Stream", input)',
    "alias of getattr": 'g = getattr; y = g(input, "set_")(input)',
    "getattr in a tuple": 'g, h = getattr, 1; y = g(input, "set_")(input)',
    "getattr in a list": 'y = [getattr][0](input, "set_")(input)',
    "getattr by an argument": 'y = annotate(Any, getattr)(input, "set_")(input)',
    "getattr by a choice": 'y = (getattr if True else getattr)(input, "set_")(input)',
    "getattr of getattr": 'y = getattr(getattr, "set_")(input)',
    "a keyword": "y = input.add(other=getattr)",
    "space of operators": "a = ops.aten; y = a.set_(input, input)",
    "all operators": "a = ops; y = a.aten.set_(input, input)",
    "fork": "f = fork; y = f(1)",
    "own getattr": 'getattr = 1; y = getattr(input, "relu")',
    "classes by torch": 'y = torch.classes.dist_c10d.Store("{0}")',
    "computed name": 'y = getattr(input, "sa" + "ve")("{0}")',
    "import": "import os",
    "lambda": "y = (lambda: 1)()",
    "own meaning": "torch = input",
    "private": "y = torch._foobar(input)",
    "unicode": 'y = torch.ſave(input, "{0}")',
}


@pytest.mark.parametrize("call", CALLS)
def test_code_that_does_more_than_a_network_is_refused(tmp_path, marker, plain, call):
    change = calling(CALLS[call].format(marker))
    message = tried(with_code(plain, tmp_path / "changed.pt", change))
    assert "is refused" in message or "not TorchScript" in message
    assert marker.read_bytes() == MARK


NATIVE = {
    "plain": "__torch__.torch.classes.dist_c10d.Store",
    "blanks": "__torch__.torch . classes.dist_c10d.Store",
    "tab": "__torch__.torch.\tclasses.dist_c10d.Store",
    "line": "__torch__.torch.\\\nclasses.dist_c10d.Store",
    "comment": "__torch__.torch. # a comment\n classes.dist_c10d.Store",
    "in a list": "List[__torch__.torch.classes.dist_c10d.Store]",
    "as text": "torch.classes.dist_c10d.Store",
    "after an allowed class": "Dict[torch.classes.quantized.A, torch.classes.dist_c10d.Store]",
}


@pytest.mark.parametrize("text", NATIVE)
def test_a_text_that_names_a_class_of_cpp_is_refused(text):
    with pytest.raises(NotAllowedError):
        check_native(NATIVE[text])


@pytest.mark.parametrize(
    "text",
    [
        "__torch__.torch.classes.quantized.LinearPackedParamsBase",
        "__torch__.mytorch.classes.Network",
        "__torch__.torch.nn.modules.linear.Linear",
    ],
)
def test_a_text_that_names_another_class_is_allowed(text):
    check_native(text)


def test_the_message_names_the_operator(tmp_path, plain):
    change = calling("y = torch.manual_seed(3)")
    message = tried(with_code(plain, tmp_path / "changed.pt", change))
    assert "its code uses torch.manual_seed, which image networks do not need" in message


def with_pickle(plain, file, change):
    contents = entries(plain)
    name = next(name for name in contents if name.endswith("/data.pkl"))
    return packed(file, list((contents | {name: change(contents[name])}).items()))


class Prints:
    def __reduce__(self):
        return print, ("this must not run",)


PICKLES = {
    "a function": lambda _: pickle.dumps(Prints(), 2),
    "another protocol": lambda _: pickle.dumps(Prints(), 4),
    "a class of C++": lambda old: old.replace(
        b"c__torch__.torch.nn.modules.flatten\nFlatten", b"c__torch__.torch.classes.x\nStore"
    ),
    "a module": lambda old: old.replace(b"ctorch._utils\n_rebuild", b"ctorch._utils\n_import"),
    "no storage": lambda old: old.replace(b"storage", b"memory_"),
    "cut": lambda old: old[:-20],
    "a reference to nothing": lambda old: old.replace(b"h\x01", b"h\xf0", 1),
    "empty": lambda _: b"",
}


@pytest.mark.parametrize("fault", PICKLES)
def test_a_pickle_of_other_objects_is_refused(tmp_path, plain, capfd, fault):
    assert tried(with_pickle(plain, tmp_path / "changed.pt", PICKLES[fault]))
    assert "this must not run" not in "".join(capfd.readouterr())


def test_a_tensor_beyond_the_end_of_its_entry_is_refused(tmp_path, plain):
    # torch loads such a file, and reads the memory behind the entry
    contents = [(n, c[:4] if n.endswith("data/0") else c) for n, c in entries(plain).items()]
    assert "is smaller than the tensor" in tried(packed(tmp_path / "short.pt", contents))


def test_a_bomb_is_refused_by_its_declared_size(tmp_path, plain):
    bomb = [*entries(plain).items(), ("plain/data/9", bytes(130_000_000))]
    file = packed(tmp_path / "bomb.pt", bomb, method=zipfile.ZIP_DEFLATED)
    assert file.stat().st_size < 10_000_000
    assert "bytes unpacked" in tried(file)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"RTLF" * 40, b"{}"])
def test_other_files_are_called_no_torchscript(tmp_path, content):
    (tmp_path / "other.pt").write_bytes(content)
    assert "is not TorchScript" in tried(tmp_path / "other.pt")


@pytest.mark.parametrize(
    "how", [{"before": bytes(64)}, {"after": b"\0" * 9}, {"method": zipfile.ZIP_DEFLATED}]
)
def test_a_harmless_file_in_another_packing_gives_its_outputs(tmp_path, plain, how):
    images = np.random.default_rng(0).random((3, 3, HEIGHT, WIDTH), np.float32)
    file = packed(tmp_path / "again.pt", list(entries(plain).items()), **how)
    np.testing.assert_array_equal(load(file).logits(images), load(plain).logits(images))


class Odd(nn.Module):
    """A network with what code of TorchScript can hold: branches, loops, lists and texts."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3)])
        self.names = {"é": 1, 'a "quoted" \\ one\n': 2}
        self.register_buffer("table", torch.arange(4))
        self.mode: str = "bilinear"

    def forward(self, x: torch.Tensor, scale: float = 1e-05, most: int = -1) -> torch.Tensor:
        if x.shape[0] == 0 or x.dim() != 4:
            raise ValueError(f"expected four dimensions, got {x.dim()}")
        found: list[torch.Tensor] = []
        size: tuple[int, int] | None = None
        for part in self.parts:
            x = torch.relu(part(x)) * (1.0 + scale)
            found.append(x.mean((2, 3)))
        while len(found) > 2 and most < 0:
            found.pop()
        first, second = found[0], found[-1]
        if size is None:
            size = (x.shape[2] // 2, x.shape[3] // 2)
        small = nn.functional.interpolate(x, size=size, mode=self.mode, align_corners=False)
        kept = nms(torch.rand(5, 4).cumsum(1), torch.linspace(0, 1, 5), 0.5)
        spare = first.sum() * 0 if kept.numel() > 9 else torch.zeros_like(first.sum())
        return second + small.amax((2, 3)) + float(self.names["é"]) + spare + first[:, :2] * 0


class Frozen(nn.Module):
    """A network with a part that is computed without gradients."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            mean = x.mean((2, 3))
        return mean[:, :2] * x.amax()


class Places(nn.Module):
    """A part that gets sizes as numbers, which a trace calls ``number``."""

    def forward(self, count: int) -> torch.Tensor:
        return torch.arange(1, count + 1).float()


class Placed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.places = Places()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.mean(1) * self.places(x.shape[3])).mean(1)[:, :2]


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True)
        self.stem, self.encoder = nn.Conv2d(3, 16, 4, 4), nn.TransformerEncoder(layer, 2)
        self.head = nn.Linear(16, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.encoder(self.stem(x).flatten(2).transpose(1, 2)).mean(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.inner, self.head = nn.LSTM(WIDTH, 8, batch_first=True), nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.inner(x.mean(1))[0][:, -1])


def quantized():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(560, 2)).eval()
    wrapped = torch.ao.quantization.QuantWrapper(network).eval()
    wrapped.qconfig = torch.ao.quantization.get_default_qconfig("fbgemm")
    prepared = torch.ao.quantization.prepare(wrapped)
    prepared(torch.rand(2, 3, HEIGHT, WIDTH))
    return torch.ao.quantization.convert(prepared)


GOOD = {
    "resnet18": lambda: models.resnet18(num_classes=2),
    "mobilenet": lambda: models.mobilenet_v3_small(num_classes=2),
    "odd": Odd,
    "frozen": Frozen,
    "placed": Placed,
    "transformer": Transformer,
    "recurrent": Recurrent,
    "quantized": quantized,
}


@pytest.mark.parametrize("how", ["trace", "script", "freeze"])
@pytest.mark.parametrize("name", GOOD)
def test_a_network_gives_its_own_outputs(tmp_path, name, how):
    torch.manual_seed(0)
    network = GOOD[name]().eval()
    images = torch.rand(2, 3, HEIGHT, WIDTH)
    with torch.no_grad():
        made = torch.jit.trace(network, images) if how == "trace" else torch.jit.script(network)
        made = torch.jit.freeze(made) if how == "freeze" else made
        made.save(str(tmp_path / "a.pt"))
        expected = torch.jit.load(str(tmp_path / "a.pt"))(images).numpy()
    got = load(tmp_path / "a.pt").logits(images.numpy())
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)
