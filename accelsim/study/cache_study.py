"""Why no cache? A layer's own accesses through a set-associative cache as large as the scratchpad.

::

    managed   the plan's tiles, as the machine moves them: `simulate`
    cached    the same array's accesses to the same stored tensors, line by line, through a cache
              tiled       in the order of the plan's tiles, which fill the scratchpad
              half tiled  of the plan for half the capacity: a cache wants room
              untiled     the whole layer as one tile

The array reads the same words either way, each at the same price of the same SRAM. What a cache adds are
the tags of a set at every access; what it changes is which bytes come from DRAM, and how often. A tag is
the rest of a 32-bit address with a valid and a dirty bit; a set of an LRU cache also holds the order of its
ways. A look-up reads the tags of its set, then one way of data; the tags are an SRAM of their own.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import factorial, prod
from time import thread_time
from typing import TYPE_CHECKING, Any, Literal

from accelsim.bill import ActionCount, EnergyRow
from accelsim.energy import price, sram, table_of
from accelsim.energy.table import EnergyTable
from accelsim.errors import InputError, PlanError
from accelsim.hardware import Accelerator
from accelsim.kernels import cache as at
from accelsim.plan import Plan, whole
from accelsim.results import LayerResult, ratio
from accelsim.simulation import simulate
from accelsim.study.stored_layer import Ints, cached_counts, stored_layer
from accelsim.trace import LayerTrace, NetworkTrace
from accelsim.units import ceil_div

if TYPE_CHECKING:
    import pandas as pd

ADDRESS_BITS = 32
_OF_DRAM = ("read", "write", "io", "activate")
_STATE_BITS = 2  # of a line: valid, dirty
REPLACEMENTS = {"lru": at.LRU, "random": at.RANDOM}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cache:
    """A cache of the scratchpad's capacity; `seed` is that of random replacement."""

    line_bytes: int = 64
    ways: int = 8
    replacement: str = "lru"
    prefetch: bool = False
    seed: int = 0

    def sets(self, chip: Accelerator) -> int:
        """Sets of a chip's cache.

        Raises
        ------
        InputError
            If lines are no whole words, not one set fits, or the replacement is unknown.
        """
        capacity, word = chip.scratchpad.capacity_bytes, chip.scratchpad.word_bytes
        if self.replacement not in REPLACEMENTS:
            raise InputError(
                f"replacement must be one of {', '.join(REPLACEMENTS)}, not {self.replacement!r}"
            )
        power = self.line_bytes > 0 and self.line_bytes & (self.line_bytes - 1) == 0
        if not power or self.line_bytes % word or self.line_bytes > 4096:
            raise InputError(
                f"a line must be a power of two and whole words of {word} bytes up to 4096, "
                f"not {self.line_bytes}"
            )
        if self.ways < 1 or self.ways * self.line_bytes > capacity:
            raise InputError(
                f"ways must be at least 1 and fit {capacity} bytes in lines of {self.line_bytes}, "
                f"not {self.ways}"
            )
        return capacity // (self.line_bytes * self.ways)

    def line_tag_bits(self, chip: Accelerator) -> int:
        """Bits beside the data of a line: what of the address neither line nor set say, valid, dirty."""
        index_bits = self.sets(chip).bit_length() - 1
        return ADDRESS_BITS - (self.line_bytes.bit_length() - 1) - index_bits + _STATE_BITS

    @property
    def order_bits(self) -> int:
        """Bits of a set that tell the orders of its ways apart: log2(ways!) rounded up; none at random."""
        return (factorial(self.ways) - 1).bit_length() if self.replacement == "lru" else 0

    def set_bits(self, chip: Accelerator) -> int:
        """Bits beside the data of a set."""
        return self.ways * self.line_tag_bits(chip) + self.order_bits


@dataclass(frozen=True, slots=True)
class CacheStudy:
    """A row per layer and memory, and how fast the caches ran."""

    table: "pd.DataFrame"
    touches: int
    seconds: float

    @property
    def touches_per_s(self) -> float:
        """Line accesses simulated in a second."""
        return ratio(self.touches, self.seconds)


def cache_study(
    trace: NetworkTrace,
    layers: Sequence[str],
    chip: Accelerator,
    caches: Sequence[Cache],
    *,
    progress: Callable[[str], None] | None = None,
) -> CacheStudy:
    """Run layers with the scratchpad, and with each cache in the order of each plan.

    Raises
    ------
    InputError
        If a layer is unknown, or chip, cache and layer do not go together (`stored_layer`, `Cache.sets`).
    """
    import pandas as pd

    table = table_of(chip)
    sets = {cache: cache.sets(chip) for cache in caches}
    one = trace.select_input(0)
    stored = {name: stored_layer(one.layer(name), chip) for name in layers}
    rows: list[dict[str, Any]] = []
    touches, seconds = 0, 0.0
    for name in layers:
        managed = simulate(one.layer(name), chip, toggles="off").layer_results[0]
        rows.append(_scratchpad_row(managed, chip))
        for order, plan in _orders(managed, one.layer(name), chip).items():
            for cache in caches:
                started = thread_time()
                counts = cached_counts(
                    stored[name],
                    plan,
                    chip,
                    line_bytes=cache.line_bytes,
                    ways=cache.ways,
                    sets=sets[cache],
                    replacement=REPLACEMENTS[cache.replacement],
                    prefetch=cache.prefetch,
                    seed=cache.seed,
                )
                seconds += thread_time() - started
                touches += int(counts[at.TOUCHES])
                rows.append({"layer": name, "order": order} | _cache_row(counts, cache, chip, table))
        if progress is not None:
            progress(name)
    frame = pd.DataFrame(rows)
    for what in ("dram_bytes", "memory_pj"):
        least = frame.groupby("layer", sort=False)[what].transform("first")
        frame[f"{what.removesuffix('_bytes').removesuffix('_pj')}_over_scratchpad"] = frame[what] / least
    return CacheStudy(frame, touches, seconds)


def _orders(managed: LayerResult, trace: LayerTrace, chip: Accelerator) -> dict[str, Plan]:
    """The plans whose order the caches see; without `half tiled` where nothing fits half the capacity."""
    assert managed.plan is not None
    plans = {"tiled": managed.plan}
    half = chip.scratchpad.model_copy(update={"capacity_bytes": chip.scratchpad.capacity_bytes // 2})
    try:
        smaller = chip.model_copy(update={"scratchpad": half})
        halved = simulate(trace, smaller, toggles="off").layer_results[0].plan
    except PlanError:
        halved = None
    if halved is not None:
        plans["half tiled"] = halved
    return plans | {"untiled": whole(trace.layer)}


def _scratchpad_row(managed: LayerResult, chip: Accelerator) -> dict[str, Any]:
    moved = managed.dram_read_bytes + managed.dram_write_bytes
    parts = _memory_pj(managed.energy)
    words = sum(row.count for row in managed.energy if row.component == "scratchpad")
    return {
        "layer": managed.name,
        "order": "tiled",
        "memory": "scratchpad",
        "dram_bytes": moved,
        "dram_cycles": _dram_cycles(moved, chip),
        "word_accesses": words,
        **parts,
        "tag_pj": 0.0,
        "memory_pj": sum(parts.values()),
        "tag_bits": 0,
        "tag_fraction": 0.0,
    }


def _memory_pj(bill: Sequence[EnergyRow]) -> dict[str, float]:
    """What accesses take: standby and refresh go by time, which a cache's run has not."""
    return {
        "data_pj": sum(row.pj for row in bill if row.component == "scratchpad"),
        "dram_pj": sum(row.pj for row in bill if row.component == "dram" and row.action in _OF_DRAM),
    }


def _cache_row(counts: Ints, cache: Cache, chip: Accelerator, table: EnergyTable) -> dict[str, Any]:
    count = [int(value) for value in counts]
    misses = count[at.READ_MISSES] + count[at.WRITE_MISSES]
    fetched = misses + count[at.PREFETCHES]
    words = count[at.READ_WORDS] + count[at.WRITTEN_WORDS]
    line_words = cache.line_bytes // chip.scratchpad.word_bytes
    set_bits, tag_bits = cache.set_bits(chip), cache.sets(chip) * cache.set_bits(chip)
    tag_bytes = ceil_div(tag_bits, 8)

    def access_pj(action: Literal["read", "write"], bits: int) -> float:
        row = sram.nearest(table.find(chip.energy.sram, action, "access"), tag_bytes, bits)
        return row.pj * sram.scale(row, tag_bytes, bits)

    # A line that comes in is written word by word, one that is written back is read so.
    reads = count[at.READ_WORDS] + count[at.WRITE_BACKS] * line_words
    writes = count[at.WRITTEN_WORDS] + fetched * line_words
    line_bits = 8 * cache.line_bytes
    moves = [
        ActionCount("scratchpad", "read", reads, "access"),
        ActionCount("scratchpad", "write", writes, "access"),
        ActionCount("dram", "read", fetched * line_bits, "bit"),
        ActionCount("dram", "write", count[at.WRITE_BACKS] * line_bits, "bit"),
    ]
    parts = _memory_pj(price([move for move in moves if move.count], chip, table))
    # Before each word, and before each prefetch, all tags of a set are read.
    looked_up = words + (misses if cache.prefetch else 0)
    tag_pj = looked_up * access_pj("read", set_bits)
    tag_pj += fetched * access_pj("write", cache.line_tag_bits(chip))
    if cache.order_bits:
        tag_pj += words * access_pj("write", cache.order_bits)
    moved = (fetched + count[at.WRITE_BACKS]) * cache.line_bytes
    return {
        "memory": "cache",
        "replacement": cache.replacement,
        "prefetch": "next line" if cache.prefetch else "none",
        "line_bytes": cache.line_bytes,
        "ways": cache.ways,
        "dram_bytes": moved,
        "dram_cycles": _dram_cycles(moved, chip),
        "word_accesses": words,
        "line_accesses": count[at.TOUCHES],
        "distinct_bytes": count[at.DISTINCT_LINES] * cache.line_bytes,
        "miss_fraction": ratio(misses, count[at.TOUCHES]),
        "misses": misses,
        "prefetches": count[at.PREFETCHES],
        "unused_prefetches": count[at.UNUSED_PREFETCHES],
        "write_backs": count[at.WRITE_BACKS],
        **parts,
        "tag_pj": tag_pj,
        "memory_pj": sum(parts.values()) + tag_pj,
        "tag_bits": tag_bits,
        "tag_fraction": tag_bits / (8 * prod((cache.sets(chip), cache.ways, cache.line_bytes))),
    }


def _dram_cycles(moved_bytes: int, chip: Accelerator) -> int:
    """Cycles of the channel, back to back."""
    rate = chip.dram_bytes_per_cycle
    return ceil_div(moved_bytes * rate.denominator, rate.numerator)
