"""Content becomes one HTML file that needs nothing else: styles and figures are inline, and there is no script."""

from importlib.resources import files
from pathlib import Path

from brf_deploy.errors import Unavailable
from brf_deploy.registry import missing_module
from brf_deploy.whole_file import write_whole
from brf_hardware.report.content import ReportContent
from brf_hardware.report.summary import summarise

PACKAGE = files(__package__)
# A verdict has a sign as well as a colour.
SIGNS = {"good": "✓", "bad": "✗", "quiet": "–"}


def write_report(content: ReportContent, path: Path) -> None:
    """Write the page; the file appears whole or not at all, and the same content gives the same bytes.

    Raises `Unavailable` where matplotlib or jinja2 is not installed, `InvalidInput` where the file cannot be written.
    """
    write_whole(path, render(content).encode())


def render(content: ReportContent) -> str:
    """The page as text."""
    try:
        from jinja2 import Environment, StrictUndefined

        from brf_hardware.report.sections import all_sections
    except ModuleNotFoundError as error:
        raise Unavailable(missing_module("the HTML report", error)) from error
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    template = environment.from_string(PACKAGE.joinpath("report.html.jinja").read_text("utf-8"))
    return template.render(
        summary=summarise(content),
        sections=all_sections(content),
        styles=PACKAGE.joinpath("report.css").read_text("utf-8"),
        signs=SIGNS,
    )
