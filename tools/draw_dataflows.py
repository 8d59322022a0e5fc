"""Draw docs/pictures/dataflows/*.svg, how operands move in each array: `python tools/draw_dataflows.py`."""

from pathlib import Path

OUT = Path(__file__).parents[1] / "docs" / "pictures" / "dataflows"
WEIGHT, ACTIVATION, SUM, INK, FAINT = "#d9822b", "#3b78b8", "#4c9a5b", "#333", "#8a8a8a"
FONT = {"font_family": "DejaVu Sans,Arial,sans-serif"}


def element(tag: str, inside: str = "", **attributes: object) -> str:
    """An SVG element; `font_size=12` becomes font-size='12'."""
    written = "".join(
        f" {key.replace('_', '-')}='{value}'" for key, value in attributes.items() if value != ""
    )
    return f"<{tag}{written}>{inside}</{tag}>" if inside else f"<{tag}{written}/>"


class Picture:
    """Shapes of one drawing; coordinates are pixels from the upper left."""

    def __init__(self, name: str, width: int, height: int, title: str) -> None:
        self.name, self.width, self.height, self.title = name, width, height, title
        self.parts: list[str] = []

    def text(
        self,
        x: float,
        y: float,
        words: str,
        size: int = 13,
        color: str = INK,
        anchor: str = "",
        weight: str = "",
    ) -> None:
        """Words on a line."""
        styled = {"font_size": size, "fill": color, "text_anchor": anchor, "font_weight": weight}
        self.parts.append(element("text", words, x=x, y=y, **styled))

    def box(
        self, x: float, y: float, w: float, h: float, fill: str = "#f4f4f4", stroke: str = "#999", r: int = 4,
        width: float = 1.2, dash: str = "",
    ) -> None:  # fmt: skip
        """A rectangle."""
        styled = {"fill": fill, "stroke": stroke, "stroke_width": width, "stroke_dasharray": dash}
        self.parts.append(element("rect", x=x, y=y, width=w, height=h, rx=r, **styled))

    def value(self, x: float, y: float, color: str, there: bool = True, side: int = 12) -> None:
        """An element of a tensor: full, or hollow where it is a zero."""
        self.box(x, y, side, side, color if there else "#fff", color, 2, 1.4)

    def values(
        self, x: float, y: float, color: str, pattern: str, down: bool = False, side: int = 12, gap: int = 3
    ) -> None:
        """Elements in a row or a column; `pattern` has 1 and 0 for what is there and what is zero."""
        for i, there in enumerate(pattern):
            step = i * (side + gap)
            self.value(x + (0 if down else step), y + (step if down else 0), color, there == "1", side)

    def line(
        self, x1: float, y1: float, x2: float, y2: float, color: str = INK, width: float = 1.6, head: str = ""
    ) -> None:
        """A line, with an arrow's head if one is named."""
        self.parts.append(
            element("line", x1=x1, y1=y1, x2=x2, y2=y2, stroke=color, stroke_width=width, marker_end=head)
        )

    def arrow(self, x1: float, y1: float, x2: float, y2: float, color: str = INK, width: float = 1.6) -> None:
        """An arrow."""
        self.line(x1, y1, x2, y2, color, width, f"url(#{color[1:]})")

    def circle(self, x: float, y: float, words: str, r: int = 11) -> None:
        """A circle with a sign in it: an operation."""
        self.parts.append(element("circle", cx=x, cy=y, r=r, fill="#fff", stroke=INK, stroke_width=1.4))
        self.text(x, y + 5, words, 14, INK, "middle")

    def write(self, folder: Path) -> None:
        """The file in a folder, with an arrow's head of each colour."""
        size = {"viewBox": "0 0 8 8", "refX": 7, "refY": 4, "markerWidth": 6, "markerHeight": 6}
        heads = "".join(
            element(
                "marker", element("path", d="M0 0L8 4L0 8z", fill=color), id=color[1:], orient="auto", **size
            )
            for color in (WEIGHT, ACTIVATION, SUM, INK, FAINT)
        )
        parts = [
            element("title", self.title),
            element("defs", heads),
            element("rect", width="100%", height="100%", fill="#fff"),
            *self.parts,
        ]
        box = {"viewBox": f"0 0 {self.width} {self.height}", "width": self.width, "height": self.height}
        whole = element(
            "svg", "\n".join(parts), xmlns="http://www.w3.org/2000/svg", role="img", **FONT, **box
        )
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.name}.svg").write_text(whole + "\n")


def inner_join() -> Picture:
    """Chunks broadcast to rows and columns; two masks in a PE."""
    p = Picture(
        "inner_join",
        760,
        350,
        "A row of PEs shares a filter's chunk, a column a position's; a PE multiplies what both masks have",
    )
    p.text(20, 24, "a step: one chunk of channels to every PE", weight="bold")
    filters, positions = ("10011010", "01010010", "11000101"), ("11010010", "00110110", "10101000")
    for j, pattern in enumerate(positions):
        x = 168 + j * 84
        p.values(x, 52, ACTIVATION, pattern, side=7, gap=2)
        p.arrow(x + 35, 64, x + 35, 92, ACTIVATION)
    p.text(168, 46, "chunks of three output positions", 12, ACTIVATION)
    for i, pattern in enumerate(filters):
        y = 98 + i * 66
        p.values(60, y + 22, WEIGHT, pattern, side=7, gap=2)
        p.arrow(134, y + 26, 162, y + 26, WEIGHT)
        for j in range(3):
            p.box(168 + j * 84, y, 70, 52)
            p.text(203 + j * 84, y + 21, "PE", 12, INK, "middle")
            p.value(197 + j * 84, y + 30, SUM)
    p.text(20, 308, "chunks of three filters", 12, WEIGHT)
    p.text(168, 308, "a sum stays in its PE until its set of outputs is done", 12, SUM)
    p.text(20, 334, "A PE whose queue is full stops the step for all: the others wait.", 12, FAINT)
    p.text(460, 24, "inside a PE (skip, skip)", weight="bold")
    p.box(456, 38, 284, 250, "#fafafa")
    w, a = filters[0], positions[0]
    p.text(470, 68, "weights", 12, WEIGHT)
    p.values(560, 58, WEIGHT, w)
    p.text(470, 96, "activations", 12, ACTIVATION)
    p.values(560, 86, ACTIVATION, a)
    p.text(470, 124, "both", 12)
    for i, both in enumerate(x == y == "1" for x, y in zip(w, a, strict=True)):
        p.text(
            566 + i * 15,
            125,
            "1" if both else "0",
            12,
            INK if both else "#bbb",
            "middle",
            "bold" if both else "normal",
        )
        if both:
            p.line(566 + i * 15, 132, 566 + i * 15, 150)
    p.arrow(600, 150, 600, 176)
    p.line(566, 150, 656, 150)
    p.text(470, 168, "3 pairs on 2 lanes:", 12)
    p.text(470, 186, "2 cycles, not 4", 12)
    p.circle(588, 192, "×")
    p.circle(622, 192, "×")
    p.arrow(588, 204, 602, 228)
    p.arrow(622, 204, 608, 228)
    p.circle(605, 240, "+")
    p.arrow(617, 240, 652, 240)
    p.value(656, 234, SUM)
    p.text(674, 245, "sum", 12, SUM)
    p.text(470, 276, "compute: every pair; gate: as long, but idle", 12, FAINT)
    return p


def systolic() -> Picture:
    """Stationary weights, activations to the right, sums down."""
    p = Picture(
        "systolic", 730, 330, "Weights stay in their PE, activations pass to the right, sums pass down"
    )
    p.text(20, 24, "stationary: weights", weight="bold")
    for i in range(4):
        y = 62 + i * 54
        pattern = ("1011", "1101", "0111", "1010")[i]
        p.values(128 - 19 * i, y + 12, ACTIVATION, pattern[:4], side=13, gap=6)
        p.arrow(206, y + 18, 232, y + 18, ACTIVATION)
        for j in range(4):
            x = 236 + j * 62
            p.box(x, y, 42, 38)
            p.value(x + 15, y + 13, WEIGHT, (i, j) not in ((0, 2), (2, 1), (3, 3)))
            if j < 3:
                p.arrow(x + 43, y + 18, x + 61, y + 18, ACTIVATION)
            p.arrow(x + 21, y + 39, x + 21, y + 53, SUM)
    for j in range(4):
        p.value(251 + j * 62, 282, SUM)
    p.text(20, 50, "activations, a position", 12, ACTIVATION)
    p.text(20, 290, "a row later, a cycle later", 12, ACTIVATION)
    p.text(236, 50, "columns: filters", 12, WEIGHT)
    p.text(236, 316, "sums leave at the foot", 12, SUM)
    x = 510
    for k, (words, color) in enumerate(
        (
            ("rows: channels and taps", INK),
            ("of a filter (the reduction)", INK),
            ("", INK),
            ("A zero travels on, too:", INK),
            ("its MAC is gated, which saves", INK),
            ("energy and no cycle.", INK),
            ("", INK),
            ("A fold lasts load + A + B + T - 2", FAINT),
            ("cycles, whatever it holds.", FAINT),
            ("", INK),
            ("outputs: sums stay, both others", FAINT),
            ("stream. activations: they stay.", FAINT),
        )
    ):
        p.text(x, 80 + k * 18, words, 12, color)
    return p


def column_broadcast() -> Picture:
    """One activation to all compressed columns."""
    p = Picture(
        "column_broadcast",
        800,
        330,
        "One non-zero activation goes to all PEs; each multiplies its compressed column with it",
    )
    p.text(20, 24, "activations", 13, ACTIVATION, weight="bold")
    p.values(36, 44, ACTIVATION, "0010100110", down=True, side=16, gap=5)
    p.text(62, 98, "j", 13, ACTIVATION)
    p.box(33, 83, 22, 22, "none", INK, 3)
    p.arrow(74, 94, 150, 94, ACTIVATION)
    p.text(80, 84, "a[j], j", 12, ACTIVATION)
    p.line(152, 60, 152, 288, ACTIVATION, 3)
    p.text(20, 274, "zeros are", 12, FAINT)
    p.text(20, 290, "never sent", 12, FAINT)
    for i, entries in enumerate(("11", "1", "1111", "111")):
        y = 46 + i * 64
        p.arrow(152, y + 24, 178, y + 24, ACTIVATION)
        p.box(182, y, 400, 50)
        p.text(192, y + 29, f"PE {i}", 12)
        for place, taken in enumerate(("10", "10", "11", "11")[i]):
            if taken == "1":
                p.value(251 - place * 16, y + 19, ACTIVATION)
            else:
                p.box(251 - place * 16, y + 19, 12, 12, "none", "#999", 2, dash="2 2")
        p.arrow(268, y + 25, 316, y + 25, ACTIVATION)
        p.values(320, y + 18, WEIGHT, entries, side=13, gap=4)
        p.circle(430, y + 25, "×")
        p.arrow(404, y + 25, 418, y + 25)
        p.arrow(442, y + 25, 470, y + 25)
        p.values(476, y + 18, SUM, "1111", side=13, gap=4)
        p.text(596, y + 29, f"{len(entries)} cycle{'s' if len(entries) > 1 else ''}", 12, INK)
    p.text(236, 38, "queue", 12, ACTIVATION)
    p.text(300, 38, "entries of column j", 12, WEIGHT)
    p.text(470, 38, "accumulators", 12, SUM)
    p.text(
        182,
        318,
        "PE i holds filters i, i + 4, ...; a PE may lag until its queue is full, which stops the broadcast.",
        12,
        FAINT,
    )
    return p


def cartesian() -> Picture:
    """Products, crossbar, banks."""
    p = Picture(
        "cartesian",
        740,
        340,
        "All products of a vector of non-zero weights and one of activations, scattered to accumulator banks",
    )
    p.text(20, 24, "one PE, one channel, one cycle", weight="bold")
    p.text(150, 54, "4 non-zero weights (each with its k, r, s)", 12, WEIGHT)
    p.text(20, 120, "4 non-zero", 12, ACTIVATION)
    p.text(20, 136, "activations", 12, ACTIVATION)
    p.text(20, 152, "(with their", 12, ACTIVATION)
    p.text(20, 168, "row, column)", 12, ACTIVATION)
    for k in range(4):
        p.value(162 + k * 40, 64, WEIGHT, side=14)
        p.value(112, 98 + k * 40, ACTIVATION, side=14)
        p.line(169 + k * 40, 80, 169 + k * 40, 92, WEIGHT, 1)
        p.line(128, 105 + k * 40, 150, 105 + k * 40, ACTIVATION, 1)
        for i in range(4):
            p.circle(169 + k * 40, 105 + i * 40, "×", 11)
    p.box(148, 84, 164, 162, "none", "#999", dash="4 3")
    p.text(150, 264, "16 products: every one is needed", 12)
    p.box(352, 84, 70, 162, "#f4f4f4")
    p.text(387, 160, "cross-", 12, INK, "middle")
    p.text(387, 176, "bar", 12, INK, "middle")
    for k in range(4):
        p.arrow(314, 105 + k * 40, 350, 105 + k * 40)
    waiting = (1, 0, 2, 1, 0, 1, 3, 1)
    for i, n in enumerate(waiting):
        y = 62 + i * 26
        p.arrow(424, 100 + i * 18, 452, y + 10, FAINT, 1.2)
        for q in range(n):
            p.box(500 - q * 14, y + 4, 11, 11, "#dcdcdc", "#777", 2)
        p.box(520, y, 74, 20, "#eaf5ec", SUM)
        p.text(557, y + 14, f"bank {i}", 11, SUM, "middle")
        if n == 3:
            p.text(602, y + 14, "conflict: one a cycle", 12)
    p.text(456, 50, "queues", 12)
    p.text(520, 50, "sums", 12, SUM)
    p.text(
        20,
        300,
        "Bank = place of the output in the PE's rectangle, mod banks. Products outside the tile are dropped.",
        12,
        FAINT,
    )
    p.text(
        20,
        320,
        "Each PE owns a rectangle of the input; sums in its halo go to the neighbours when all PEs have met.",
        12,
        FAINT,
    )
    return p


def structured() -> Picture:
    """Slots pick activations."""
    p = Picture(
        "structured", 720, 334, "2 of 4 weights are stored with their places, which pick the activations"
    )
    p.text(20, 24, "2 of 4", weight="bold")
    p.text(20, 62, "weights of a filter", 12, WEIGHT)
    dense = "01100011"
    kept = [i for i, there in enumerate(dense) if there == "1"]
    for i, there in enumerate(dense):
        p.value(170 + i * 40 + (i // 4) * 24, 48, WEIGHT, there == "1", 20)
    p.text(20, 122, "stored: 2 a block,", 12, WEIGHT)
    p.text(20, 138, "each with its place", 12)
    for slot, i in enumerate(kept):
        x = 200 + slot * 64 + (slot // 2) * 60
        source = 180 + i * 40 + (i // 4) * 24
        p.arrow(source, 70, x + 10, 104, WEIGHT, 1.2)
        p.value(x, 108, WEIGHT, 1, 20)
        p.text(x + 10, 144, f"{i % 4}", 13, INK, "middle", "bold")
        p.box(x - 8, 168, 36, 22, "#f4f4f4")
        p.text(x + 10, 183, "pick", 11, INK, "middle")
        p.arrow(x + 10, 149, x + 10, 166)
        p.arrow(180 + i * 40 + (i // 4) * 24, 250, x + 10, 193, ACTIVATION, 1.4)
    for i in range(8):
        p.value(170 + i * 40 + (i // 4) * 24, 252, ACTIVATION, i not in (3, 5, 7), 20)
    p.text(20, 266, "activations", 12, ACTIVATION)
    p.box(164, 246, 152, 32, "none", "#999", dash="4 3")
    p.box(348, 246, 152, 32, "none", "#999", dash="4 3")
    p.circle(560, 118, "×", 13)
    p.circle(560, 180, "+", 13)
    p.arrow(502, 118, 545, 118, WEIGHT)
    p.arrow(502, 182, 548, 126, ACTIVATION)
    p.arrow(560, 132, 560, 165)
    p.arrow(574, 180, 604, 180)
    p.value(608, 174, SUM)
    p.text(626, 185, "sum stays", 12, SUM)
    p.text(534, 98, "4 lanes", 12)
    p.text(20, 304, "Half of the slots, so half of the cycles, always.", 12, FAINT)
    p.text(
        20, 322, "A zero among the picked activations saves nothing: time does not depend on them.", 12, FAINT
    )
    return p


def row_stationary() -> Picture:
    """Rows of filters, diagonals of activations, sums up."""
    p = Picture(
        "row_stationary",
        780,
        340,
        "A filter row stays in a row of PEs, an activation row meets a diagonal, sums pass up a column",
    )
    p.text(20, 24, "a set of 3 x 4 PEs: 3 filter rows, 4 output rows", weight="bold")
    for j in range(4):
        x = 190 + j * 92
        p.text(x + 33, 52, f"output row {j}", 12, SUM, "middle")
        for i in range(3):
            y = 78 + i * 76
            p.box(x, y, 66, 46)
            p.text(x + 33, y + 19, f"w{i} · a{i + j}", 13, INK, "middle")
            p.values(x + 12, y + 28, WEIGHT, "111", side=8, gap=3)
            p.arrow(x + 33, y - 2, x + 33, y - 19 if i == 0 else y - 29, SUM)
            if i > 0 and j < 3:
                p.arrow(x + 68, y + 2, x + 91, y - 29, ACTIVATION)
    for i in range(3):
        y = 78 + i * 76
        p.text(20, y + 20, f"filter row {i}", 12, WEIGHT)
        p.values(102, y + 10, WEIGHT, "111", side=12, gap=3)
        p.arrow(150, y + 16, 186, y + 16, WEIGHT)
        p.arrow(158, y + 60, 187, y + 40, ACTIVATION)
        p.text(100, y + 68, f"act. row {i}", 12, ACTIVATION)
    for j in range(1, 4):
        x = 190 + j * 92
        p.arrow(x - 20, 302, x + 2, 278, ACTIVATION)
        p.text(x - 42, 316, f"act. row {j + 2}", 12, ACTIVATION)
    for k, words in enumerate(
        (
            "A PE slides a row of activations",
            "under its row of weights:",
            "a row of sums, S MACs each.",
            "",
            "Sums of a column of PEs are",
            "added upwards.",
            "",
            "A zero activation is gated:",
            "no read, no switching,",
            "as many cycles.",
        )
    ):
        p.text(556, 92 + k * 18, words, 12, INK if k < 6 else FAINT)
    return p


def csc_row_stationary() -> Picture:
    """Compressed columns in a PE."""
    p = Picture("csc_row_stationary", 740, 340, "Compressed activations pick compressed columns of weights")
    p.text(20, 24, "inside a PE: one filter row, one output row", weight="bold")
    p.text(20, 60, "activations of a window", 12, ACTIVATION)
    p.values(36, 76, ACTIVATION, "100101", down=True, side=20, gap=8)
    p.text(200, 60, "the PE's weights: a column per (channel, tap)", 12, WEIGHT)
    columns = ("1101", "0010", "0000", "0000", "0110", "1111")
    for c, pattern in enumerate(columns):
        y = 76 + c * 28
        entries = pattern.count("1")
        p.text(160, y + 15, f"c{c}", 12, INK)
        live = "100101"[c] == "1"
        if live:
            p.arrow(60, y + 10, 154, y + 10, ACTIVATION)
        else:
            p.text(66, y + 15, "zero: no cycle", 11, FAINT)
        for e in range(entries):
            p.value(192 + e * 26, y, WEIGHT if live else "#e7c39c", 1, 20)
        if not entries:
            p.text(192, y + 15, "no entry", 11, FAINT)
        if live:
            cycles = max(1, -(-entries // 2))
            p.text(306, y + 15, f"{cycles} cycle{'s' if cycles > 1 else ''}", 12)
    p.box(386, 116, 96, 76)
    p.circle(412, 140, "×")
    p.circle(456, 140, "×")
    p.text(434, 180, "2 lanes", 12, INK, "middle")
    p.arrow(362, 152, 384, 152)
    p.arrow(484, 152, 508, 152)
    p.values(512, 100, SUM, "1111", down=True, side=20, gap=8)
    p.text(540, 150, "sums, one a filter", 12, SUM)
    p.arrow(522, 96, 522, 66, SUM)
    p.text(536, 76, "added up a column of PEs", 12, SUM)
    p.text(
        20, 278, "PEs take their own time inside a pass and meet at its end: the busiest sets it.", 12, FAINT
    )
    p.text(
        20,
        298,
        "Rows, diagonals and sets are those of row_stationary; operands come once for all that need them.",
        12,
        FAINT,
    )
    p.text(20, 318, "An activation that meets no entry still takes one cycle.", 12, FAINT)
    return p


def main() -> None:
    """Write every picture."""
    for draw in (
        inner_join,
        systolic,
        column_broadcast,
        cartesian,
        structured,
        row_stationary,
        csc_row_stationary,
    ):
        draw().write(OUT)


if __name__ == "__main__":
    main()
