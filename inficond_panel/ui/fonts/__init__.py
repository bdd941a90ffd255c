"""The font of all pages; ``README.md`` beside this file tells its origin and licence.

A page carries the font in its own style sheet, 85 kB. So it looks alike on every machine, on a
server, behind a prefix, in a notebook and as a file, and has its font before it draws.
"""

from base64 import b64encode
from functools import cache
from importlib.resources import files

#: A name of our own: an Inter that the machine or the host of a notebook has may differ.
FAMILY = "InFiConD Inter"
#: What a page is written in, as CSS; the others are for scripts that ours lacks.
FONT = f"'{FAMILY}', system-ui, sans-serif"


@cache
def font_css() -> str:
    """Rules for a document, since shadow roots declare no fonts; they inherit the variable."""
    data = b64encode(files(__name__).joinpath("inter.woff2").read_bytes()).decode()
    return (
        f"@font-face {{ font-family: '{FAMILY}'; font-weight: 400 700; font-display: block; "
        f"src: url(data:font/woff2;base64,{data}) format('woff2'); }}\n"
        f":root {{ --inficond-font: {FONT}; }}"
    )
