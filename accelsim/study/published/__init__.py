"""Published figures beside ours: tables of papers (`reproduce`), streams of cycle-level DRAM simulators."""
