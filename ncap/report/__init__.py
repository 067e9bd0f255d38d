"""What a person reads of a ranking: the page with its figures, and the tables of the terminal.

Everything here reads an `ncap.Ranking` and nothing else, and fits nothing. The modules load pandas, matplotlib, jinja2 and rich, so
import them where a report is written, not at the top of a command.
"""

from ncap.report.page import write_report, write_unfinished

__all__ = ["write_report", "write_unfinished"]
