"""Reports as one HTML file each, from templates that escape all texts; no file is loaded."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from inficond_panel.common.numbers import number
from inficond_panel.distill import SEEN_LABEL
from inficond_panel.results.frame import Heading, templates
from inficond_panel.store import Store
from inficond_panel.ui import browser
from inficond_panel.vocabulary.confidence import confidence_word
from inficond_panel.vocabulary.metrics import ACCURACY, ECE, TOP1
from inficond_panel.vocabulary.palette import OF_NO_GROUP

_TEMPLATES = Path(__file__).resolve().with_name("templates")


def render(template: str, title: str, *, folder: Path = _TEMPLATES, **content: Any) -> str:
    """Return the HTML of ``template``, a file in ``folder`` that extends ``page.html.j2``."""
    style = "\n".join([browser.font_css(), *browser.styles(_TEMPLATES / "report.css")])
    page = templates(folder, _TEMPLATES).get_template(template)
    return page.render(title=title, style=style, **content)


Frames = Mapping[str, pd.DataFrame]
#: CSS class and label of each curve in the figure over gamma, by measure.
_CURVES = {
    "silhouette": ("of-teacher", "silhouette, sub-class"),
    "silhouette_super": ("of-oracle dashed", "silhouette, super-class"),
    TOP1.key: ("of-labels", "top-1 accuracy"),
    ACCURACY.key: ("of-labels", "accuracy, mean of classes"),
}
_PICTURES = 40
#: Largest number of photos in a page of frames, and of bytes of all photos.
_PHOTOS, _LARGEST = 60, 2_000_000


def compare_page(store: Store, frames: Frames) -> str:
    """Return a report on teacher and oracle as HTML: outputs, reliability, maps, and students."""
    of = frames["reliability"].groupby(level=["of", "class", "bins"], sort=False)
    diagrams: dict[Any, pd.DataFrame] = dict(list(of))
    kinds = list(dict.fromkeys(kind for kind, _, _ in diagrams))
    pooled = [
        _reliability(f"{kind}, {bins}", {kind: diagram})
        for (kind, name, bins), diagram in diagrams.items()
        if not name
    ]
    classes = [
        _reliability(name, {kind: diagrams[kind, name, "equal width"] for kind in kinds})
        for name in store.classes
    ]
    places = frames.get("map")
    maps = [] if places is None else [_map(f"t-SNE of {_named(k)}", places, k) for k in kinds]
    title = f"{store.title}: teacher and oracle"
    content = {"pooled": pooled, "classes": classes, "maps": maps}
    return _page("compare", store, frames, "outputs", title, **content)


def gamma_page(store: Store, frames: Frames) -> str:
    """Return a report on oracles by gamma (strength of reinforcement): measures, diagrams, maps."""
    gammas = frames["gammas"]
    values = list(gammas.index.unique("gamma"))
    named = {gamma: f"gamma {gamma:g}" if gamma else "gamma 0 (teacher)" for gamma in values}
    single = TOP1.key in gammas.index.unique("measure")
    diagrams = [
        _reliability(named[gamma], {"oracle" if gamma else "teacher": part})
        for gamma, part in frames["reliability"].groupby(level="gamma")
    ]
    places = frames.get("map")
    maps = [] if places is None else [_map(named[g], places, f"{g:g}", store) for g in values]
    return _page(
        "gammas", store, frames, "gammas", f"{store.title}: oracles by gamma",
        curve=_curves(gammas), diagrams=diagrams, maps=maps,
        reliability_of="of the likeliest class" if single else "all classes pooled",
    )  # fmt: skip


def link_page(store: Store, frames: Frames) -> str:
    """Return a report as HTML that compares students per class with one softmax student."""
    title = f"{store.title}: students per class and one softmax student"
    return _page("links", store, frames, "links", title)


def frames_page(frames: Sequence[pd.DataFrame], title: str = "", store: Store | None = None) -> str:
    """Return an HTML report with all ``frames``, and thumbnails of images that they name."""
    photos = {} if store is None or not store.has("thumbnail") else _photos(store, frames)
    titles = [title, *(str(frame.attrs["title"]) for frame in frames), "Results"]
    return render("frames.html.j2", next(filter(None, titles)), frames=frames, pictures=photos)


def _photos(store: Store, frames: Sequence[pd.DataFrame]) -> dict[str, str]:
    """Return thumbnails as data URIs by name, for the first images that the frames name."""
    columns = [
        frame.reset_index()[name]
        for frame in frames
        for name, form in frame.attrs["headings"].items()
        if Heading(*form).image
    ]
    named = dict.fromkeys(chain.from_iterable(zip_longest(*columns)))
    row_of, size = {name: i for i, name in enumerate(store.images)}, 0
    photos = dict[str, str]()
    for image in filter(row_of.__contains__, named):
        jpeg = store.thumbnail(row_of[image])
        size += len(jpeg)
        if len(photos) == _PHOTOS or size > _LARGEST:
            break
        photos[image] = f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"
    return photos


def _page(name: str, store: Store, frames: Frames, first: str, title: str, **more: Any) -> str:
    """Return the page of the template ``name``; the frame ``first`` has the level of intervals."""
    level = confidence_word(frames[first].attrs["facts"]["level"])
    content = {"store_hash": store.content_hash, "level": level, "frames": frames, **more}
    return render(f"{name}.html.j2", title, **content)


def _named(kind: str) -> str:
    return f"oracle ({SEEN_LABEL})" if kind == "oracle" else kind


def _reliability(title: str, diagrams: Mapping[str, pd.DataFrame]) -> dict[str, Any]:
    """Return a reliability diagram of bins; a mark's area grows with sqrt(events) of its bin."""
    marks, words = [], []
    for kind, bins in diagrams.items():
        name = _named(kind) if len(diagrams) == 1 else kind
        words.append(f"{name} ECE {number(bins[ECE.key].iloc[0])}")
        largest = max(int(bins["events"].max()), 1)
        for row in bins[bins["events"] > 0].itertuples():
            x, y = 26 + 168 * row.probability, 194 - 168 * row.frequency
            marks.append(
                (kind, round(x, 1), round(y, 1), round(2 + 4 * (row.events / largest) ** 0.25, 1))
            )
    return {"title": title, "words": "; ".join(words), "marks": marks}


def _map(title: str, frame: pd.DataFrame, kind: str, store: Store | None = None) -> dict[str, Any]:
    """Return a map of images: positions coloured by group, and each group's name.

    A name is at the median of its group's positions; ``store`` gives some thumbnails.
    """
    names = frame.attrs["facts"]["names"]
    group = frame["super" if "super" in frame else "group"]
    at = frame[[f"{kind}_x", f"{kind}_y"]].to_numpy()
    reach = np.ptp(at, axis=0)
    at = np.round(26 + (at - at.min(axis=0)) / np.where(reach > 0, reach, 1) * 468, 1)
    hues = {name: f"hsl({360 * i / len(names):.0f} 60% 45%)" for i, name in enumerate(names)}
    colours = [hues.get(name, OF_NO_GROUP.light) for name in group]
    points = [(x, y, colour) for (x, y), colour in zip(at.tolist(), colours, strict=True)]
    images = {name: at[group == name] for name in names}
    middles = [(name, np.median(xy, axis=0)) for name, xy in images.items() if len(xy)]
    return {
        "title": title,
        "points": points,
        "pictures": [(*points[row], jpeg) for row, jpeg in _pictures(store, group)],
        "names": [(*middle.tolist(), name) for name, middle in middles],
    }


def _pictures(store: Store | None, group: pd.Series) -> Iterator[tuple[int, str]]:
    """Yield (row, thumbnail) of up to ``_PICTURES`` images of a map, from all groups in turn."""
    if store is None or not store.has("thumbnail"):
        return
    row_of = {image: row for row, image in enumerate(store.images)}
    known = group.reset_index(drop=True)[group.to_numpy() != ""]
    for row in known.groupby(known).cumcount().sort_values(kind="stable").index[:_PICTURES]:
        yield row, b64encode(store.thumbnail(row_of[group.index[row]])).decode()


def _curves(frame: pd.DataFrame) -> dict[str, Any]:
    """Return curves over gamma, with best point, at equally spaced gammas (Lee et al., fig. 4)."""
    has = frame.index.unique("measure")
    names = [n for n in _CURVES if n in has and (n != ACCURACY.key or TOP1.key not in has)]
    values = {name: frame.loc[name, "value"] for name in names}
    every = np.concatenate([each.to_numpy() for each in values.values()])
    low, high = min(0.0, float(np.nanmin(every))), float(np.nanmax(every))
    gammas = list(frame.index.unique("gamma"))
    x = [round(40 + 440 * at / max(len(gammas) - 1, 1), 1) for at in range(len(gammas))]

    def y(value: float) -> float:
        return round(220 - 180 * (value - low) / max(high - low, 1e-9), 1)

    curves = []
    for name in names:
        points = [(x[at], y(v)) for at, v in enumerate(values[name]) if np.isfinite(v)]
        best = max(points, key=lambda point: -point[1])
        line = "M" + "L".join(f"{left} {top}" for left, top in points)
        kind, words = _CURVES[name]
        curves.append({"class": kind, "words": words, "line": line, "best": best})
    return {
        "ticks": [(left, f"{gamma:g}") for left, gamma in zip(x, gammas, strict=True)],
        "levels": [(y(value), number(value, 2)) for value in (low, high)],
        "curves": curves,
    }
