"""Results made by hand, as `accelsim.simulate` would return them: books that close, tiles that overlap."""

import numpy as np

from accelsim.bill import EnergyRow
from accelsim.hardware import Accelerator
from accelsim.network import Layer
from accelsim.plan import Plan
from accelsim.results import LayerResult, NetworkResult
from accelsim.tables import CAUSES, COUNTERS, TIMELINE, TRAFFIC, WORK

PRICES = {  # component: action, pJ, low, high, counter
    "mac": ("done", 0.56, 0.30, 1.15, "done_macs"),
    "queue": ("read", 0.12, 0.06, 0.2, "weight_operand_reads"),
    "scratchpad": ("read", 6.1, 3.2, 17.0, "weight_scratchpad_reads"),
    "dram": ("read", 8.0, 4.0, 20.0, "weight_fetch_bytes"),
}


def chip(name="sparse", rows=4, columns=4, lanes=2, gb_per_s=12.8, **changes):
    policy = "compute" if name.startswith("dense") else "skip"
    encoding = "dense" if policy == "compute" else "bitmask"
    description = {
        "schema_version": 1,
        "name": name,
        "dataflow": "inner_join",
        "clock_mhz": 500.0,
        "pe_array": {
            "rows": rows,
            "columns": columns,
            "lanes": lanes,
            "weight_policy": policy,
            "activation_policy": policy,
            "chunk_elements": 64,
            "queue_depth": 4,
            "queue_latency_cycles": 1,
            "pipeline_cycles": 3,
            "lane_assignment": "pooled",
            "lane_sync": "step",
            "broadcast_domain": "array",
            "array_feed_bytes_per_cycle": 64,
            "weight_bits": 8,
            "activation_bits": 8,
            "accumulator_bits": 32,
        },
        "encodings": {"weights": encoding, "activations": encoding, "outputs": encoding, "pointer_bits": 16},
        "scratchpad": {"capacity_bytes": 65536, "word_bytes": 8},
        "postprocessor": {"drain_elements_per_cycle": 4, "elements_per_cycle": 16},
        "dram": {
            "model": "bandwidth",
            "peak_gb_per_s": gb_per_s,
            "efficiency_fraction": 0.8,
            "latency_ns": 60.0,
            "burst_bytes": 64,
        },
        "energy": {"table": "45nm", "dram": "dram_lpddr4"},
    } | changes
    return Accelerator.model_validate(description)


def split(total, shares):
    """Integers in proportion to `shares` that add up to `total`."""
    parts = {key: int(total * share) for key, share in shares.items()}
    parts[max(shares, key=shares.get)] += total - sum(parts.values())
    return parts


def bill(totals):
    return tuple(
        EnergyRow(component, action, n, "access", pj, pj * n, low * n, high * n, "by hand")
        for component, (action, pj, low, high, counter) in PRICES.items()
        for n in (totals[counter],)
    )


def array_layer(
    name,
    on,
    *,
    tiles=4,
    tile_cycles=200,
    fetch_cycles=60,
    macs=100_800,
    effectual=0.3,
    shares=None,
    input_index=0,
):
    """A layer whose fetches never wait for space; 100 800 MACs are whole in up to 10 tiles."""
    work, timeline = np.zeros(tiles, WORK), np.zeros(tiles, TIMELINE)
    work["compute_cycles"] = tile_cycles
    work["dense_macs"], work["effectual_macs"] = macs // tiles, int(macs * effectual) // tiles
    work["done_macs"] = work["effectual_macs"]
    work["skipped_macs"] = work["dense_macs"] - work["done_macs"]
    work["weight_operand_reads"] = work["done_macs"]
    work["weight_scratchpad_reads"] = work["done_macs"] // 8
    work["weight_fetch_bytes"] = fetch_cycles * 16
    work["output_drain_bytes"] = 256
    latency = on.dram_latency_cycles
    issue = end = drained = 0
    for t in range(tiles):
        row = timeline[t]
        row["reserved_cycle"] = row["fetch_start_cycle"] = issue
        row["fetch_end_cycle"] = issue + fetch_cycles + latency
        issue += fetch_cycles
        row["compute_start_cycle"] = max(row["fetch_end_cycle"], end)
        end = row["compute_end_cycle"] = row["compute_start_cycle"] + tile_cycles
        row["drain_start_cycle"] = max(end, drained)
        row["drain_end_cycle"] = row["drain_start_cycle"] + 16 + latency
        drained = row["drain_start_cycle"] + 16
    cycles = int(timeline["drain_end_cycle"].max())
    totals = {c: int(work[c].sum()) for c in (*COUNTERS, *TRAFFIC)}
    shares = shares or {"mac": 0.5, "queue_wait": 0.1, "imbalance": 0.25, "fetch_wait": 0.15}
    lane_cycles = dict.fromkeys(CAUSES, 0) | split(on.pe_array.multipliers * cycles, shares)
    return LayerResult(
        name=name,
        kind="convolution",
        input=input_index,
        cycles=cycles,
        dram_cycles=tiles * (fetch_cycles + 16),
        lane_cycles=lane_cycles,
        totals=totals,
        energy=bill(totals),
        layer=Layer(name=name, channels=64, filters=64),
        plan=Plan(tile_n=1, tile_k=64, tile_c=64, tile_p=1, tile_q=1),
        work=work,
        timeline=timeline,
        weight_density_fraction=0.5,
        activation_density_fraction=0.6,
        outputs_checked=128,
        outputs_checked_whole=True,
    )


def pooling(name, on, *, cycles=300, input_index=0):
    totals = dict.fromkeys((*COUNTERS, *TRAFFIC), 0) | {"weight_fetch_bytes": 0, "output_drain_bytes": 64}
    return LayerResult(
        name=name,
        kind="max_pool",
        input=input_index,
        cycles=cycles,
        dram_cycles=8,
        lane_cycles=dict.fromkeys(CAUSES, 0) | {"postprocess": on.pe_array.multipliers * cycles},
        totals=totals,
        energy=bill(totals),
    )


def result(on=None, layers=3, inputs=1, network="toy", **changes):
    """Layers conv0, conv1, ... of growing length with a pooling in between; input i takes i tiles more."""
    on = on or chip()
    done = []
    for i in range(inputs):
        for n in range(layers):
            done.append(array_layer(f"conv{n}", on, tiles=2 + n + i, input_index=i, **changes))
            if n == 0:
                done.append(pooling("pool0", on, input_index=i))
    return NetworkResult(
        chip=on,
        network=network,
        inputs=inputs,
        layer_results=tuple(done),
        not_modelled=("softmax",),
        area_mm2=(2.0, 1.0, 3.0),
        provenance={"source": "by hand"},
    )
