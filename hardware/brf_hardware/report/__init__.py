"""The HTML report: measure (`build_report`), then draw and write one self-contained page (`write_report`)."""

from brf_hardware.report.build import build_report, installed_versions
from brf_hardware.report.content import Provenance, ReportContent
from brf_hardware.report.page import write_report

__all__ = ["Provenance", "ReportContent", "build_report", "installed_versions", "write_report"]
