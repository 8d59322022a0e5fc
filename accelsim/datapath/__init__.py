"""The functional datapath: int8 layers and operations, computed as the chip computes them."""
