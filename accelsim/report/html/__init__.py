"""Reports as one HTML file that needs nothing else: no network, no other file, no framework.

::

    folder of a run, or a store     -> figures, tables, pictures    run_report; study.report
    matplotlib figure + values      -> <svg> with a <title> each    svg
    figures + docs/glossary.md      -> every number's definition    definitions
    all of it + templates           -> escaped HTML                 render
"""

from accelsim.report.html.definitions import defined, glossary
from accelsim.report.html.render import render
from accelsim.report.html.run_report import run_page
from accelsim.report.html.svg import inline_svg
from accelsim.report.html.tables import Cell, Column, HtmlTable, Picture, records, table_of

__all__ = [
    "Cell",
    "Column",
    "HtmlTable",
    "Picture",
    "defined",
    "glossary",
    "inline_svg",
    "records",
    "render",
    "run_page",
    "table_of",
]
