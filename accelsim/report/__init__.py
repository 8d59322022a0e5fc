"""What a run leaves behind: files that programs read, tables and sentences that people read."""

from accelsim.report.explain import compare_runs, compare_text, explaining_cause, run_row, sentence
from accelsim.report.files import notes, read_run, write_run
from accelsim.report.kinds import kind_rows, kinds_table
from accelsim.report.tables import as_text, summary_rows, summary_tables

__all__ = [
    "as_text",
    "compare_runs",
    "compare_text",
    "explaining_cause",
    "kind_rows",
    "kinds_table",
    "notes",
    "read_run",
    "run_row",
    "sentence",
    "summary_rows",
    "summary_tables",
    "write_run",
]
