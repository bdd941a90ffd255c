"""No component of the page has more parameters than a person can hold in the head."""

import importlib
import pkgutil
from collections.abc import Iterator

import pytest

import inficond_panel
from inficond_panel.ui.component import Component, ViewComponent

pytestmark = pytest.mark.page

MOST = 25
ROOMS = ("inficond_panel.views", "inficond_panel.ui", "inficond_panel.study.pages")


def _components(base: type[Component] = Component) -> Iterator[type[Component]]:
    for each in base.__subclasses__():
        yield from (each, *_components(each))


def test_a_component_has_few_parameters() -> None:
    for module in pkgutil.walk_packages(inficond_panel.__path__, "inficond_panel."):
        if module.name.startswith(ROOMS):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                if str(error.name).startswith("inficond_panel"):
                    raise
                pytest.skip(f"{module.name} needs an extra")
    sizes = {
        each.__name__: len(set(each.param) - set(ViewComponent.param)) for each in _components()
    }
    assert {name: size for name, size in sizes.items() if size > MOST} == {}
    assert {"KnowledgeTable", "BatchBar", "StudentPanels", "ShellPage"} <= sizes.keys()
