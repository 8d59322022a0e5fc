"""Cycle-stepping references: plain models that step every PE, queue and register.

Each is written from its page in docs/dataflows alone, and shares no code with the kernels it checks.
"""

from accelsim.reference import (
    cartesian,
    column_broadcast,
    csc_row_stationary,
    inner_join,
    row_stationary,
    structured,
    systolic,
)

REFERENCES = {
    "inner_join": inner_join,
    "systolic": systolic,
    "column_broadcast": column_broadcast,
    "cartesian": cartesian,
    "structured": structured,
    "row_stationary": row_stationary,
    "csc_row_stationary": csc_row_stationary,
}
