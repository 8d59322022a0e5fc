"""Cycle-stepping references: plain models that step every PE, queue and register.

Each is written from its page in docs/dataflows alone, and shares no code with the kernels it checks.
"""

from accelsim.reference import cartesian, column_broadcast, inner_join, systolic

REFERENCES = {
    "inner_join": inner_join,
    "systolic": systolic,
    "column_broadcast": column_broadcast,
    "cartesian": cartesian,
}
