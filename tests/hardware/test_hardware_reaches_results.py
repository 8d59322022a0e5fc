"""No key of a chip's file is decoration: each one changes a result of a layer that it concerns."""

from typing import Any

import numpy as np
import pytest
from hardware_keys import keys

import accelsim
from accelsim.hardware import load_hardware
from accelsim.network import LayerNode, Network, Operation, TensorInfo
from accelsim.trace import LayerParameters, NetworkTrace, from_arrays

BASE = [
    "scratchpad.capacity_bytes=6000",
    "pe_array.rows=4",
    "pe_array.columns=4",
    "pe_array.chunk_elements=16",
]
# A value other than that of the base, and what the key needs to matter.
CHANGES: dict[str, tuple[Any, list[str]]] = {
    "clock_mhz": (500, []),
    "pe_array.rows": (8, []),
    "pe_array.columns": (8, []),
    "pe_array.lanes": (4, []),
    "pe_array.weight_policy": ("gate", []),
    "pe_array.activation_policy": ("gate", []),
    "pe_array.chunk_elements": (32, []),
    "pe_array.queue_depth": (1, []),
    "pe_array.queue_latency_cycles": (5, []),
    "pe_array.pipeline_cycles": (9, []),
    "pe_array.lane_assignment": ("fixed", []),
    "pe_array.lane_sync": ("set", ["pe_array.lane_assignment=fixed"]),
    "pe_array.broadcast_domain": ("column", []),
    "pe_array.unrolling": ("flexible", ["dram.peak_gb_per_s=400", "pe_array.columns=128"]),
    "pe_array.array_feed_bytes_per_cycle": (32, []),
    "pe_array.weight_bits": (16, []),
    "pe_array.activation_bits": (16, []),
    "pe_array.accumulator_bits": (24, []),
    "encodings.weights": ("dense", ["pe_array.weight_policy=gate"]),
    "encodings.activations": ("dense", ["pe_array.activation_policy=gate"]),
    "encodings.outputs": ("dense", []),
    "encodings.pointer_bits": (64, []),
    "encodings.dram_weights": ("huffman_run_length5", []),
    "encodings.dram_activations": ("run_length4", []),
    "encodings.dram_outputs": ("run_length4", []),
    "encodings.dram_weight_bits": (4, []),
    "encodings.dram_weight_codebook": ("true", ["encodings.dram_weight_bits=4"]),
    "scratchpad.capacity_bytes": (40000, []),
    "scratchpad.word_bytes": (8, []),
    "scratchpad.banks": (1, []),
    "scratchpad.ports": ("separate", ["scratchpad.banks=1"]),
    "scratchpad.layout": (
        "blocked",
        [
            "scratchpad.banks=10",
            "scratchpad.weight_bytes=3000",
            "scratchpad.activation_bytes=1800",
            "scratchpad.output_bytes=1200",
        ],
    ),
    "scratchpad.weight_bytes": (2000, ["scratchpad.activation_bytes=2500", "scratchpad.output_bytes=1500"]),
    "scratchpad.activation_bytes": (2500, ["scratchpad.weight_bytes=2000", "scratchpad.output_bytes=1500"]),
    "scratchpad.output_bytes": (1500, ["scratchpad.weight_bytes=2000", "scratchpad.activation_bytes=2500"]),
    "postprocessor.drain_elements_per_cycle": (1, []),
    "postprocessor.elements_per_cycle": (1, []),
    "dram.peak_gb_per_s": (3.2, []),
    "dram.efficiency_fraction": (0.3, []),
    "dram.latency_ns": (900, []),
    "dram.burst_bytes": (256, []),
    "dma.descriptor_cycles": (20, []),
    "dma.chunk_bytes": (64, ["dma.outstanding_chunks=1"]),
    "dma.outstanding_chunks": (1, ["dma.chunk_bytes=64"]),
    "dma.operand_order": ("weights activations partial_sums", ["dma.descriptor_cycles=20"]),
    "dma.arbitration": ("fetches_first", ["dram.peak_gb_per_s=3.2"]),
    "energy.sram": ("sram_hp", []),
    "energy.dram": ("ddr3", []),
    "energy.macro_bytes": (1024, []),
    "energy.node_nm": (22, []),
}
# What decides no result: names, and choices of which only one exists so far.
ALONE = {"schema_version", "name", "description", "dataflow", "dram.model", "energy.table", "energy.overlay"}


@pytest.fixture(scope="module")
def trace() -> NetworkTrace:
    generator = np.random.default_rng(4)
    layer = from_arrays(
        (generator.integers(-5, 6, (20, 3, 3, 40)) * (generator.random((20, 3, 3, 40)) < 0.6)).astype(
            np.int8
        ),
        (generator.integers(1, 9, (1, 11, 11, 40)) * (generator.random((1, 11, 11, 40)) < 0.6)).astype(
            np.uint8
        ),
        padding=1,
    )
    shape = layer.layer.output_shape
    infos = [
        TensorInfo(name=name, shape=s, dtype="uint8", scale=1.0, zero_point=0)
        for name, s in (("x", layer.layer.activation_shape), ("y", shape), ("z", shape))
    ]
    y = (generator.integers(0, 3, shape)).astype(np.uint8)
    network = Network(
        name="net",
        tensors={info.name: info for info in infos},
        nodes=(
            LayerNode(layer=layer.layer, input="x", output="y"),
            Operation(name="add", kind="add", inputs=("y", "y"), output="z"),
        ),
        inputs=("x",),
        outputs=("z",),
    )
    parameters = LayerParameters(
        weights=layer.weights,
        weight_zero_points=np.array(layer.weight_zero_points),
        weight_scales=np.array(layer.weight_scales),
    )
    return NetworkTrace(network, {"layer": parameters}, {"x": layer.activations, "y": y, "z": y})


def outcome(trace: NetworkTrace, *overrides: str) -> tuple[str, str, float]:
    result = accelsim.simulate(trace, load_hardware("both-skip-16x16", [*BASE, *overrides]))
    return result.layers.to_csv(), result.energy.to_csv(), result.summary()["ms_per_inference"]


def test_every_key_is_held_to_matter() -> None:
    assert set(keys("inner_join")) == set(CHANGES) | ALONE


@pytest.mark.parametrize("key", CHANGES)
def test_a_changed_key_changes_a_result(key: str, trace: NetworkTrace) -> None:
    value, needed = CHANGES[key]
    if key.endswith("_bytes") and needed and key.startswith("scratchpad."):  # all regions or none
        assert outcome(trace, *needed, f"{key}={value}") != outcome(trace)
        return
    assert outcome(trace, *needed, f"{key}={value}") != outcome(trace, *needed)
