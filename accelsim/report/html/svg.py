"""A matplotlib figure as an <svg> inside a page: light, its ids its own, its values on hover."""

import io
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_HREF = f"{{{_XLINK}}}href"
_REFERENCE = re.compile(r"url\(#")
# A hundredth of a point is no longer seen; the page names the fonts.
_DIGITS = re.compile(r"(\.\d\d)\d+")
_FONTS = re.compile(r"font-family:[^;]*;? ?")

_PLACES = ("d", "x", "y", "transform", "width", "height")

Tips = Mapping[str, str | Sequence[str]]


def inline_svg(figure: "Figure", name: str, label: str, tips: Tips) -> str:
    """The figure as SVG text for an HTML page; text stays text.

    Parameters
    ----------
    name : begins every id of the picture, so that pictures of one page do not share any
    label : what it shows, for those who do not see it
    tips : by the `gid` of an artist, what hovering over it says; of a collection or of markers, one for
        each of its points
    """
    from matplotlib import rc_context

    buffer = io.BytesIO()
    # A fixed salt and no date: equal pictures are equal bytes.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": f"accelsim {name}"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    ElementTree.register_namespace("", _SVG)
    ElementTree.register_namespace("xlink", _XLINK)
    root = ElementTree.fromstring(buffer.getvalue())  # our own text, not a stranger's
    _drop_page_wide(root)
    for element in list(root.iter()):
        _title(element, tips)
        _rename(element, f"{name}-")
    # The page gives the width, the viewBox the shape.
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    root.set("style", "stroke-linejoin:round;stroke-linecap:butt")
    root.set("role", "img")
    root.set("aria-label", label)
    return ElementTree.tostring(root, encoding="unicode")


def _drop_page_wide(root: ElementTree.Element) -> None:
    """Metadata that nobody reads, and a style sheet that would be the whole page's."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}style" or child.tag.endswith("metadata"):
                parent.remove(child)


def _title(element: ElementTree.Element, tips: Tips) -> None:
    tip = tips.get(element.get("id", ""))
    if tip is None:
        return
    if isinstance(tip, str):
        _add_title(element, tip)
        return
    for point, text in zip(_drawn(element), tip, strict=True):
        _add_title(point, text)


def _drawn(group: ElementTree.Element) -> list[ElementTree.Element]:
    """What a collection draws, in its order; of few or different points paths, else uses of one path."""
    found: list[ElementTree.Element] = []
    for child in group:
        if child.tag in (f"{{{_SVG}}}use", f"{{{_SVG}}}path"):
            found.append(child)
        elif child.tag != f"{{{_SVG}}}defs":
            found += _drawn(child)
    return found


def _add_title(element: ElementTree.Element, text: str) -> None:
    title = ElementTree.Element(f"{{{_SVG}}}title")
    title.text = text
    element.insert(0, title)


def _rename(element: ElementTree.Element, prefix: str) -> None:
    for key, value in element.attrib.items():
        if key == "id":
            element.set(key, prefix + value)
        elif key == _HREF and value.startswith("#"):
            element.set(key, f"#{prefix}{value[1:]}")
        elif "url(#" in value:
            element.set(key, _REFERENCE.sub(f"url(#{prefix}", value))
        elif key == "style":
            element.set(key, _FONTS.sub("", value))
        elif key in _PLACES:
            element.set(key, _DIGITS.sub(r"\1", value))
