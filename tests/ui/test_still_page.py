"""What comes late on a page moves neither the rows of concepts nor a button under the pointer."""

from __future__ import annotations

import re
from urllib.parse import urljoin

from factory import noisy_arrays, small_spec
from playwright.sync_api import expect
from spread_shortcut import shifted_frames

import inficond_panel

#: Notes at each frame where the first row of concepts is, and what the finding says.
FRAMES = """(() => {
  window.tops = []
  const find = (root, words) => {
    for (const each of root.querySelectorAll("*")) {
      if (each.matches(words)) return each
      const below = each.shadowRoot && find(each.shadowRoot, words)
      if (below) return below
    }
  }
  let row = null
  let said = null
  const look = () => {
    if (!row?.isConnected) row = find(document, ".knowledge .rows > .row")
    if (!said?.isConnected) said = find(document, ".finding .sentence")
    if (row && said) window.tops.push([said.textContent, row.getBoundingClientRect().top])
    requestAnimationFrame(look)
  }
  look()
})()"""


def test_rows_stay_where_they_are_while_the_finding_comes(serve, tmp_path, open_page) -> None:
    spec = small_spec(tmp_path, make=noisy_arrays, extra="layout: {show: simple}\n")
    url = serve(spec).url
    page = open_page(urljoin(url, "health"), 1920, 1000)  # checks no class yet
    page.add_init_script(FRAMES)
    page.goto(f"{url}?class=bicycle")
    look = page.get_by_role("button", name="Look at 50 labels that are likely wrong")
    expect(look).to_be_visible()
    frames = page.evaluate("window.tops")
    checking, finding, *_ = dict.fromkeys(said for said, _ in frames if said)  # then more is added
    assert checking == "bicycle is being checked."
    assert len({top for said, top in frames if said in (checking, finding)}) == 1


#: Another repair of truck has the largest expected gain, as if the server had said so.
OFFER = """() => {
  const models = [...Bokeh.documents[0]._all_models.values()]
  const { data } = models.find((model) => model.data?.offers)
  data.setv({ offers: { truck: { removes: false, gain: "+99" } } }, { sync: false })
  return new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)))
}"""


def test_a_button_keeps_its_words_while_the_pointer_is_on_it(serve, tmp_path, open_page) -> None:
    inficond_panel.from_frames(**shifted_frames(), path=tmp_path / "own.zarr")
    page = open_page(serve(tmp_path / "own.zarr").url)
    main = page.locator(".start .cards > li", has_text="truck").locator(".main")
    expect(main).to_have_text(re.compile("^Repair, about"))  # the last that the server says
    before = main.text_content()
    main.hover()
    page.evaluate(OFFER)
    assert main.text_content() == before
    page.locator(".start h2").hover()
    expect(main).to_have_text("Repair, about +99 points")
