"""What a page is made of: sections with text, figures, tables and notes. The template knows how each looks."""

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "bad", "quiet"]


@dataclass(frozen=True)
class Badge:
    """A short text with a verdict; the tone shows as colour and as a sign, never as colour alone."""

    text: str
    tone: Tone


Cell = str | Badge


@dataclass(frozen=True)
class Table:
    """Rows under a head; the first cell of a row names it. numeric: columns that align to the right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numeric: frozenset[int] = frozenset()
    total: bool = False  # the last row sums the others up


@dataclass(frozen=True)
class Picture:
    """An inline SVG; label: what it shows, for those who cannot see it."""

    svg: str
    label: str
    caption: str


@dataclass(frozen=True)
class Missing:
    """Something a report could show and does not: why, and the command that brings it."""

    text: str
    command: str


@dataclass(frozen=True)
class Points:
    """Sentences under a small heading, one point each."""

    heading: str
    points: tuple[str, ...]


Block = str | Table | Picture | Missing | Points


@dataclass(frozen=True)
class Section:
    """A heading and what stands under it, in order; plain text is a paragraph."""

    anchor: str
    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True)
class Tile:
    """A key number of the summary with its name and one line beneath."""

    name: str
    value: str
    note: str = ""
