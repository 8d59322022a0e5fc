"""The site of docs/: `make docs` builds it into results/docs, every warning an error.

Pages are Markdown with relative links, so that a plain Git host shows them too. What links outside of
docs/ (a notebook, a table) becomes a download of the file. Made at build: docs/generated/, of the
commands' help and of the pages beside the README.
"""

import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tools"))

from docs_commands import write_commands, write_if_changed

from accelsim.version import VERSION

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE = Path(__file__).parent
GENERATED = HERE / "generated"
BESIDE_THE_README = ("CHANGELOG", "CONTRIBUTING")
REST = "(more pages)"

project = "accelsim"
author = "The accelsim authors"
version = release = VERSION
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["pictures"]

myst_heading_anchors = 4
myst_links_external_new_tab = False
suppress_warnings = ["myst.header"]  # a page may go from ## to ####, as on a Git host

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
autodoc_default_options = {"exclude-members": "model_config, model_post_init"}
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_param = False  # types are words ("int8[K, R, S, C]"), not names to link
default_role = "code"
highlight_language = "none"  # loop nests and what is printed are no Python

html_theme = "pydata_sphinx_theme"
html_title = f"accelsim {VERSION}"
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_sidebars = {page: [] for page in ("index", "tutorial", "notebooks", "validation", "comparison")}
html_theme_options = {
    "navbar_end": ["theme-switcher"],
    "show_prev_next": False,
    "footer_start": [],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
    "show_toc_level": 2,
    "pygments_light_style": "tango",
}


def copy_pages_beside_the_readme() -> None:
    """They are pages of the site, too; their links are those of the folder above."""
    for name in BESIDE_THE_README:
        text = (HERE.parent / f"{name}.md").read_text()
        write_if_changed(GENERATED / f"{name.lower()}.md", text.replace("](docs/", "](../"))


def mend_source(_: "Sphinx", page: str, source: list[str]) -> None:
    """Links to pages beside the README lead to their copies; a list of pages that says so gets all pages
    of docs/ that no list names, so that a new page needs no list.
    """
    up = "../" * page.count("/")
    for name in BESIDE_THE_README:
        source[0] = re.sub(rf"\]\((\.\./)+{name}\.md", f"]({up}generated/{name.lower()}.md", source[0])
    if REST in source[0]:
        lists = [HERE / f"{name}.md" for name in ("index", "explanation", "reference/index")]
        lines = [line.strip().removeprefix("../") for path in lists for line in path.read_text().splitlines()]
        named = {line.rsplit("<", 1)[-1].removesuffix(">") for line in lines}
        rest = sorted(path.stem for path in HERE.glob("*.md") if path.stem not in {*named, "index"})
        source[0] = source[0].replace(REST, "\n".join(rest))


def parameters_in_words(
    app: "Sphinx", what: str, name: str, thing: object, how: object, lines: list[str]
) -> None:
    """`name : words, over several lines` is the house's form; types stand in the signature."""
    section, mended = "", []
    for i, line in enumerate(lines):
        if i + 1 < len(lines) and lines[i + 1].startswith("---"):
            section = line
        parameter = (
            re.match(r"([*\w, ]+) : (.+)", line)
            if section in ("Parameters", "Returns", "Attributes")
            else None
        )
        mended += [parameter[1], f"    {parameter[2]}"] if parameter else [line]
    lines[:] = mended


def setup(app: "Sphinx") -> None:
    """Called by Sphinx."""
    write_commands(GENERATED / "commands.md")
    copy_pages_beside_the_readme()
    app.connect("source-read", mend_source)
    app.connect("autodoc-process-docstring", parameters_in_words, priority=400)  # before napoleon
