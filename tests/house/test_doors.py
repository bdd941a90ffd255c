"""Few files may open a connection, and none may read or write a pickle: each with its reason."""

import ast

import pytest
from modules import MODULES, imports_of, tree_of

NETWORK = {
    *("socket", "ssl", "urllib.request", "http.client", "http.server", "ftplib", "smtplib"),
    *("requests", "httpx", "urllib3", "websockets"),
}
PICKLES = {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
#: Modules that may import one of these, and what for.
ALLOWED = {
    "inficond_panel.commands.serve.server": "the server: its port, and whether it answers",
    "inficond_panel.common.installation": "a path of a file: address",
    "inficond_panel.store.network_weights": "the kind of error that torch raises for a bad file",
    "inficond_panel.store.write": "the name of this machine, in a lock",
    "inficond_panel.try_page.server": "the server of a page to try",
    "precompute.download": "public data sets",
    "precompute.encoder.hub": "weights from the hub",
}


def doors(module):
    """Names of ``NETWORK`` and ``PICKLES`` that a module imports."""
    return sorted((NETWORK | PICKLES) & imports_of(module).keys())


def pickled_arrays(tree):
    """Lines that let NumPy read or write pickles."""
    return [
        node.value.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword)
        and node.arg == "allow_pickle"
        and getattr(node.value, "value", True) is not False
    ]


def test_few_modules_open_a_connection_and_none_a_pickle():
    found = {module: doors(module) for module in MODULES if module not in ALLOWED}
    assert {module: names for module, names in found.items() if names} == {}, (
        "Pages and commands load nothing from elsewhere: fetch a file in precompute/encoder/hub.py "
        "or precompute/download.py, or add the module to ALLOWED with the reason. A pickle runs "
        "code when it is opened: write JSON, npz, Zarr or safetensors."
    )


def test_each_module_that_may_does():
    assert [module for module in ALLOWED if not doors(module)] == [], "Remove it from ALLOWED."


def test_no_array_is_pickled():
    found = {module: pickled_arrays(tree_of(module)) for module in MODULES}
    assert {module: lines for module, lines in found.items() if lines} == {}, (
        "Write allow_pickle=False: a pickle runs code when it is opened."
    )


@pytest.mark.parametrize("value", ["True", "flag"])
def test_a_pickled_array_is_seen(value):
    assert pickled_arrays(ast.parse(f"np.load(path, allow_pickle={value})")) == [1]
