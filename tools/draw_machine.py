"""Draw docs/pictures/machine.svg, the parts that are simulated: `python tools/draw_machine.py`."""

from pathlib import Path

from draw_dataflows import ACTIVATION, FAINT, INK, SUM, WEIGHT, Picture

OUT = Path(__file__).parents[1] / "docs" / "pictures"


def machine() -> Picture:
    """From a trace's values through the memories to the array and back."""
    p = Picture(
        "machine",
        900,
        300,
        "DRAM holds compressed tensors; a DMA engine fetches tiles into a scratchpad, which feeds "
        "an array of multipliers that skip zeros; a postprocessor writes outputs back",
    )
    memory(p)
    array(p)
    p.arrow(168, 118, 222, 118, WEIGHT, 2)
    p.arrow(168, 140, 222, 140, ACTIVATION, 2)
    p.text(195, 104, "DMA", 12, INK, "middle")
    p.arrow(410, 118, 478, 118, WEIGHT, 2)
    p.arrow(410, 140, 478, 140, ACTIVATION, 2)
    p.text(444, 104, "feed", 12, INK, "middle")
    p.arrow(690, 129, 742, 129, SUM, 2)
    p.text(716, 116, "drain", 12, INK, "middle")
    p.box(746, 84, 134, 90)
    p.text(813, 108, "postprocessor", 13, INK, "middle", "bold")
    p.text(813, 130, "scale, ReLU, pool,", 12, INK, "middle")
    p.text(813, 146, "add; encode", 12, INK, "middle")
    p.line(813, 178, 813, 232, SUM, 2)
    p.line(813, 232, 92, 232, SUM, 2)
    p.arrow(92, 232, 92, 206, SUM, 2)
    p.arrow(316, 232, 316, 206, SUM, 2)
    p.text(560, 224, "outputs: to DRAM, or kept for the next layer", 12, SUM, "middle")
    p.text(20, 262, "Hollow: zeros, at the places where your network has them.", 12, FAINT)
    p.text(
        20,
        284,
        "Each part makes others wait; every cycle of every multiplier is counted under one cause.",
        12,
        FAINT,
    )
    return p


def memory(p: Picture) -> None:
    """DRAM with both tensors packed, and the scratchpad with two tiles."""
    p.text(92, 44, "DRAM", 13, INK, "middle", "bold")
    p.box(20, 54, 144, 148)
    p.text(92, 76, "as its encoding packs it", 11, FAINT, "middle")
    p.values(36, 88, WEIGHT, "1111111", side=13)
    p.values(36, 108, WEIGHT, "1111", side=13)
    p.values(36, 138, ACTIVATION, "1111111", side=13)
    p.values(36, 158, ACTIVATION, "11111", side=13)
    p.text(92, 192, "bandwidth, or banks", 11, FAINT, "middle")
    p.text(316, 44, "scratchpad, no cache", 13, INK, "middle", "bold")
    p.box(226, 54, 180, 148)
    for x, words in ((236, "tile at work"), (320, "next tile")):
        p.box(x, 64, 76, 106, "#fff")
        p.values(x + 8, 76, WEIGHT, "1011", side=12)
        p.values(x + 8, 92, WEIGHT, "0100", side=12)
        p.values(x + 8, 116, ACTIVATION, "1101", side=12)
        p.values(x + 8, 132, ACTIVATION, "0110", side=12)
        p.text(x + 38, 163, words, 11, FAINT, "middle")
    p.text(316, 192, "tiles: the mapper's plan", 11, FAINT, "middle")


def array(p: Picture) -> None:
    """PEs, some of which have a pair to multiply."""
    p.text(584, 44, "PE array: one of seven dataflows", 13, INK, "middle", "bold")
    p.box(482, 54, 204, 148, "#fafafa")
    for i, pattern in enumerate(("101", "011", "100")):
        for j, busy in enumerate(pattern):
            x, y = 494 + j * 64, 64 + i * 38
            p.box(x, y, 54, 30, "#fff")
            if busy == "1":
                p.value(x + 6, y + 9, WEIGHT)
                p.text(x + 27, y + 20, "×", 13, INK, "middle")
                p.value(x + 36, y + 9, ACTIVATION)
            else:
                p.text(x + 27, y + 19, "waits", 11, FAINT, "middle")
    p.text(584, 192, "only pairs without a zero", 11, FAINT, "middle")


def main() -> None:
    """Write the picture."""
    machine().write(OUT)


if __name__ == "__main__":
    main()
