"""What a PE holds: register bits, queue bits and small memories, from the array's own keys.

They decide the area, with it the length of the wires, and what the clock tree drives.
"""

from dataclasses import dataclass

from accelsim.hardware import Accelerator
from accelsim.hardware.arrays import (
    CartesianArray,
    ColumnBroadcastArray,
    CscRowStationaryArray,
    InnerJoinArray,
    RowStationaryArray,
    StructuredArray,
)

# From as many bits on, storage that is written word by word is an SRAM macro, not flip-flops: Eyeriss holds
# 224 weights of 16 bits in SRAM, 24 sums and 12 activations in registers (JSSC 2017).
SRAM_FROM_BITS = 2048


@dataclass(frozen=True, slots=True)
class PeStorage:
    """Bits of one PE.

    Attributes
    ----------
    lanes : multipliers
    clocked_bits : flip-flops that the clock reaches every cycle: operands, products, accumulators
    queue_bits : flip-flops written entry by entry, clocked when they are written
    memories_bits : small memories, written word by word
    mask_bits : bits that the zero test sees at once
    """

    lanes: int
    clocked_bits: int
    queue_bits: int = 0
    memories_bits: tuple[int, ...] = ()
    mask_bits: int = 0


def pe_storage(chip: Accelerator) -> PeStorage:
    """What each PE of a chip holds (an array's kind says what of it exists)."""
    array = chip.pe_array
    operands = array.weight_bits + array.activation_bits
    lanes = array.multipliers // (array.rows * array.columns)
    # Operand registers and the product behind them, which is as wide as both.
    pipeline, accumulator = lanes * 2 * operands, array.accumulator_bits
    match array:
        case InnerJoinArray():
            masked = [p == "skip" or p == "gate" for p in (array.weight_policy, array.activation_policy)]
            masks = array.chunk_elements * sum(masked)
            entry = array.chunk_elements * operands + masks
            # Accumulators are double: one set drains while the next is summed.
            return PeStorage(
                lanes, pipeline + 2 * accumulator, queue_bits=array.queue_depth * entry, mask_bits=masks
            )
        case ColumnBroadcastArray():
            # The sums are register files (EIE, section IV); a queued activation carries its column's number.
            sums = array.accumulators * accumulator
            entry = array.activation_bits + 16
            return PeStorage(lanes, pipeline + sums, queue_bits=array.queue_depth * entry)
        case CartesianArray():
            banks = array.banks * array.bank_entries * accumulator
            queues = array.banks * array.bank_queue_depth * accumulator
            return PeStorage(lanes, pipeline, queue_bits=queues, memories_bits=(banks,))
        case StructuredArray():
            entry = lanes * (array.weight_bits + array.block_elements * array.activation_bits)
            return PeStorage(lanes, pipeline + accumulator, queue_bits=entry)
        case RowStationaryArray() | CscRowStationaryArray():
            spads = (
                array.weight_spad_entries * array.weight_bits,
                array.activation_spad_entries * array.activation_bits,
                array.sum_spad_entries * array.sum_bits,
            )
            return PeStorage(lanes, pipeline, memories_bits=spads)
    return PeStorage(lanes, pipeline + accumulator)


def clocked_bits(chip: Accelerator) -> int:
    """Flip-flops of the whole array that the clock tree drives each cycle."""
    return chip.pe_array.rows * chip.pe_array.columns * pe_storage(chip).clocked_bits
