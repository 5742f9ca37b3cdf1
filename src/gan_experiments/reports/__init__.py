"""Runs side by side: who differs in what, means and spreads over seeds, curves and samples on one page."""

from gan_experiments.reports.groups import Group, grouped
from gan_experiments.reports.rows import Within
from gan_experiments.reports.table import Table, tables

__all__ = ["Group", "Table", "Within", "grouped", "tables"]
