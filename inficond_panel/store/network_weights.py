"""Read a network's weights from a file without running code; load all of them or none."""

from __future__ import annotations

import hashlib
import json
import pickle
import pickletools
import zipfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from inficond_panel.common.files import ANNOTATION_BYTES, read_text
from inficond_panel.common.near_words import listed
from inficond_panel.errors import DataError

if TYPE_CHECKING:
    from torch import nn

State = dict[str, Any]
#: Entries of a checkpoint that hold the network's weights, in the order of precedence.
_NESTS = (
    "state_dict", "model", "model_state_dict", "model_state", "net", "network", "module", "weights",
    "params",
)  # fmt: skip
#: Prefixes that wrappers put before the names of weights: torch.compile, parallel training,
#: Lightning; and the wrapper's own counter.
_WRAPPERS = ("_orig_mod.", "module.", "model.")
_WRAPPERS_OWN = "n_averaged"
#: Ending of the file that lists the parts of a checkpoint in several files.
_INDEX = ".index.json"
#: Buffer of batch norm that counts training batches: no output depends on it, some files lack it.
_COUNTER = "num_batches_tracked"

#: The only modules that a pickled mapping of tensors refers to.
_OF_TENSORS = {"collections", "torch", "torch._utils", "torch._tensor", "torch.storage"}
#: Prefix of the classes in a TorchScript file.
_SCRIPTED = "__torch__"
#: Number of pickles at the start of an old file of ``torch.save``, before its format was a zip
#: archive: mark, version, system, object.
_OLD_HEAD = 4

_BAD_VALUES = (ValueError, KeyError, TypeError, IndexError, AttributeError)
_AGAIN = "Download or save the file again."
#: Most entries within entries of a checkpoint.
_DEPTH = 3

_CONVERT = """\
If you trust the source of the file, convert the file once, and name the new file:
python -c "import torch, safetensors.torch as s; d = torch.load('{old}', map_location='cpu', \
weights_only=False); d = d.state_dict() if hasattr(d, 'state_dict') else d; \
d = next((d[k] for k in {nests} if k in d), d); \
s.save_file({{k: v.clone().contiguous() for k, v in d.items() if hasattr(v, 'shape')}}, \
'{new}')\""""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file; raises ``DataError`` if the file cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", "Correct the path.") from error


def files_digest(files: Sequence[Path]) -> str:
    """Return the SHA-256 of one file, or of the names and contents of several files."""
    if len(files) == 1:
        return file_digest(files[0])
    text = "\n".join(f"{path.name} {file_digest(path)}" for path in files)
    return hashlib.sha256(text.encode()).hexdigest()


def weights_files(path: Path) -> list[Path]:
    """Return all files of a checkpoint: ``path``, and if it is an index, the parts that it lists.

    Raises ``DataError`` for an unreadable index, and for parts that are missing or elsewhere.
    """
    if not path.name.endswith(_INDEX):
        return [path]
    try:
        named = json.loads(read_text(path, ANNOTATION_BYTES))["weight_map"].values()
        names = sorted(set(map(str, named)))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise _damaged(path, error) from error
    if elsewhere := [name for name in names if Path(name).name != name]:
        raise DataError(
            f"{path} is refused: it names {elsewhere[0]!r}, a file in another folder.",
            "Put all parts of the checkpoint into the folder of the index.",
        )
    if missing := [name for name in names if not path.with_name(name).is_file()]:
        raise DataError(
            f"{path} lists parts that are missing beside it: {listed(missing, 5)}.",
            "Copy all parts of the checkpoint into the folder of the index.",
        )
    return [path, *map(path.with_name, names)]


def check_weights(path: Path) -> None:
    """Raise ``DataError`` if a pickled file has objects other than tensors, which could run code.

    Reads only the names in the pickles and loads nothing. Files of other formats pass.
    """
    if not (objects := objects_in(path)):
        return
    what = f"a whole model or other objects ({objects[0]}), which could run code"
    remedy = _conversion(path)
    if is_scripted(objects):
        what, remedy = "TorchScript", f"Write the format before the path: torchscript:{path}"
    raise DataError(f"{path} holds {what}, not only weights.", remedy)


def objects_in(path: Path) -> list[str]:
    """Return the classes and functions that a pickled file imports, except tensors' objects."""
    names: dict[str, None] = {}
    try:
        for pickled in _pickles_of(path):
            names |= dict.fromkeys(_names_in(pickled))
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        pass  # no pickle, or a cut one: keep the names read so far
    return [name for name in names if name.rpartition(".")[0] not in _OF_TENSORS]


def is_scripted(objects: list[str]) -> bool:
    """Return True if ``objects``, names from ``objects_in``, come from a TorchScript file."""
    return bool(objects) and all(name.startswith(_SCRIPTED) for name in objects)


def _pickles_of(path: Path) -> Iterator[IO[bytes]]:
    if not zipfile.is_zipfile(path):
        with path.open("rb") as file:
            for _ in range(_OLD_HEAD):
                yield file
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith("/data.pkl"):
                with archive.open(name) as file:
                    yield file


def _names_in(pickled: IO[bytes]) -> Iterator[str]:
    """Yield the names that a pickle would import; its opcodes are read, not executed."""
    texts: list[str] = []
    for opcode, value, _ in pickletools.genops(pickled):
        if opcode.name == "GLOBAL":
            yield str(value).replace(" ", ".")
        elif opcode.name == "STACK_GLOBAL":
            yield ".".join(texts[-2:])
        elif isinstance(value, str):
            texts.append(value)


def read_state(path: Path) -> State:
    """Return the tensors, by name, of a safetensors file, a ``torch.save`` file, or of the parts
    that an index (``.index.json``) lists.

    Tensors nested in a checkpoint's entry are found, and prefixes of wrappers are removed from
    their names. Raises ``DataError`` for an unreadable file, for one without a single state_dict,
    and for objects other than tensors, which could run code.
    """
    files = weights_files(path)
    state: State = {}
    for file in files[1:] or files:
        loaded = _safetensors(file) if file.suffix == ".safetensors" else _pickled(file)
        state |= _state_in(file, loaded)
    return _unwrapped(state)


def _state_in(path: Path, loaded: Any) -> State:
    """Return the tensors by name among all that a checkpoint holds."""
    for _ in range(_DEPTH):
        if not isinstance(loaded, Mapping) or _are_tensors(loaded):
            break
        held = [name for name, value in loaded.items() if _are_tensors(value)]
        usual = [name for name in _NESTS if name in held]
        deeper = [name for name in _NESTS if isinstance(loaded.get(name), Mapping)]
        chosen = usual[:1] or held or deeper[:1]
        if len(chosen) != 1:
            break
        loaded = loaded[chosen[0]]
    if isinstance(loaded, Mapping) and not any(isinstance(v, Mapping) for v in loaded.values()):
        tensors = {name: value for name, value in loaded.items() if hasattr(value, "shape")}
        if tensors or not loaded:  # numbers beside the tensors, such as the epoch, are left out
            return tensors
    content = f"a {type(loaded).__name__}"
    if isinstance(loaded, Mapping):
        content = f"the entries {listed([str(name)[:40] for name in loaded], 5)}"
    raise DataError(
        f"{path} is not a state_dict (a mapping from names to tensors), nor does it hold just one: "
        f"it has {content}.",
        "Save the weights of the network alone: torch.save(model.state_dict(), path).",
    )


def _are_tensors(value: Any) -> bool:
    return (
        isinstance(value, Mapping)
        and bool(value)
        and all(hasattr(one, "shape") for one in value.values())
    )


def _unwrapped(state: State) -> State:
    """Return the weights under the names that the network itself gives them."""
    names = [name for name in state if name != _WRAPPERS_OWN]
    for prefix in _WRAPPERS:
        if names and all(name.startswith(prefix) for name in names):
            return _unwrapped({name.removeprefix(prefix): state[name] for name in names})
    return state


def within(state: State, names: Collection[str]) -> State:
    """Return the part of a checkpoint's weights that has all ``names`` under one prefix, without
    it: trainers keep their losses and metrics beside the network. The whole state is returned if
    no prefix has all names, or several have."""
    if not names or set(names) <= state.keys():
        return state
    first = min(names)
    prefixes = {name.removesuffix(first) for name in state if name.endswith(first)}
    whole = [prefix for prefix in prefixes if all(prefix + name in state for name in names)]
    if len(whole) != 1:
        return state
    start = whole[0]
    return {name.removeprefix(start): v for name, v in state.items() if name.startswith(start)}


def without_prefix(state: State, prefix: str) -> State:
    """Return the weights without ``prefix`` if all names begin with it."""
    if state and all(name.startswith(prefix) for name in state):
        return {name.removeprefix(prefix): value for name, value in state.items()}
    return state


def _conversion(path: Path) -> str:
    """Return the line that converts a file of other objects to safetensors."""
    new = path.with_suffix(".safetensors").name
    return _CONVERT.format(old=path.name, new=new, nests=_NESTS)


def _safetensors(path: Path) -> State:
    from safetensors import SafetensorError  # noqa: PLC0415 - an extra
    from safetensors.torch import load_file  # noqa: PLC0415

    try:
        return dict(load_file(path))
    except (SafetensorError, OSError) as error:
        raise _damaged(path, error) from error


def _pickled(path: Path) -> Any:
    import torch  # noqa: PLC0415 - heavy, and an extra

    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise _damaged(path, error) from error
    except (pickle.UnpicklingError, RuntimeError, EOFError, *_BAD_VALUES) as error:
        check_weights(path)  # names the objects; torch's own text advises to load them
        raise DataError(
            f"{path} cannot be read as weights: it is damaged, no file of torch.save, or saved "
            "with a pickle_protocol other than 2.",
            _AGAIN,
        ) from error


def _damaged(path: Path, error: Exception) -> DataError:
    return DataError(f"{path} cannot be read as weights: {_first_line(error)}", _AGAIN)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300]


def load_strictly(network: nn.Module, state: State, path: Path, remedy: str) -> None:
    """Load the weights ``state``, read from ``path``, into a network; raise ``DataError`` with
    ``remedy`` for missing, extra or misshaped tensors."""
    weights = {name: value for name, value in network.state_dict().items() if _COUNTER not in name}
    given = {name: value for name, value in state.items() if _COUNTER not in name}
    given = within(given, weights)
    shapes = [
        f"{name} is {tuple(given[name].shape)}, expected {tuple(weights[name].shape)}"
        for name in sorted(weights.keys() & given.keys())
        if given[name].shape != weights[name].shape
    ]
    faults = [
        _listed("lacks", sorted(weights.keys() - given.keys())),
        _listed("also has", sorted(given.keys() - weights.keys())),
        _listed("has tensors of other shapes:", shapes),
    ]
    if any(faults):
        raise DataError(f"{path} does not fit: it {'; '.join(filter(None, faults))}.", remedy)
    network.load_state_dict(given, strict=False)  # without the counters; the rest is checked


def _listed(verb: str, names: list[str]) -> str:
    return f"{verb} {listed(names, 3)}" if names else ""
