"""Export as C99: a header, a source and its tables, a program that runs samples, an Arduino sketch."""

from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from brf_deploy.arrays import Ints
from brf_deploy.backend import Availability
from brf_deploy.errors import Unavailable, Unsupported
from brf_deploy.exporter import Export
from brf_deploy.float_network import FloatNetwork
from brf_deploy.network import IntegerNetwork
from brf_hardware.c.example import expected_text, messages_text
from brf_hardware.c.facts import facts
from brf_hardware.c.layout import layer_members
from brf_hardware.c.plan import WORDS, NetworkPlan, plan_network
from brf_hardware.c.words import index_word

if TYPE_CHECKING:
    from jinja2 import Environment

NUMBERS_A_LINE = 24
COMMENT = frozenset(" _.,:;+-=()'")  # what a comment may hold beside letters and digits
# Of C99: a folder on the include path must not hold a file of such a name.
STANDARD_HEADERS = """
assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdarg stdbool stddef stdint
stdio stdlib string tgmath time wchar wctype
"""


class CExporter:
    """Writes a folder of C99 that any compiler takes as it is."""

    name = "c"
    description = "C99 for microcontrollers and hosts: constant tables, integers only, no heap; an Arduino library"
    suffix: str | None = None

    def availability(self) -> Availability:
        """Whether jinja2 is installed, found without importing it."""
        if find_spec("jinja2") is None:
            return Availability(False, "jinja2 is not installed: pip install 'brf-deploy[report]'")
        return Availability(True, "C99 for gcc, clang, arm-none-eabi-gcc and other compilers")

    def render(self, network: IntegerNetwork | FloatNetwork, name: str) -> Export:
        """The network as files of one folder; every name of its C code begins with `name`.

        Raises `Unsupported` for a float network, for one with an empty part, and for the name of a standard header;
        `Unavailable` without jinja2.
        """
        if isinstance(network, FloatNetwork):
            raise Unsupported(
                "c: a float network found, the code computes with integers; run `brf-deploy quantize` first"
            )
        if name in STANDARD_HEADERS.split():
            raise Unsupported(f"c: '{name}.h' is a header of the C library; choose another name")
        if not self.availability().present:
            raise Unavailable(f"export format 'c' is not available: {self.availability().detail}")
        plan = plan_network(network)
        content = template_content(plan, name)
        texts = {path: render_template(template, content) for path, template in _surroundings(name).items()}
        texts["examples/batch/messages.txt"] = messages_text(network)
        texts["examples/batch/readout.txt"] = expected_text(network)
        hints = (
            f"build: cc -std=c99 -O2 -Isrc src/{name}.c examples/batch/main.c -o {name}_batch",
            f"check: ./{name}_batch < examples/batch/messages.txt | cmp - examples/batch/readout.txt",
        )
        files = product(plan, name) | {path: text.encode() for path, text in texts.items()}
        return Export(files, content["facts"], hints)


EXPORTER = CExporter()


def product(plan: NetworkPlan, name: str) -> dict[str, bytes]:
    """What goes into a firmware: the header, the source and its tables."""
    content = template_content(plan, name)
    templates = {".h": "network.h.jinja", ".c": "network.c.jinja", "_tables.h": "tables.h.jinja"}
    return {
        f"src/{name}{end}": render_template(f"templates/{template}", content).encode()
        for end, template in templates.items()
    }


def template_content(plan: NetworkPlan, name: str) -> dict[str, Any]:
    """What every template of a network is filled with."""
    network = plan.network
    return {
        "name": name,
        "NAME": name.upper(),
        "version": version("brf-deploy"),
        "title": _comment(f"Balanced resonate-and-fire network for '{network.task}'"),
        "inputs": network.inputs,
        "maximum": network.encoding.maximum,
        "order": network.encoding.permutation,
        "skip_steps": network.skip_steps,
        "layers": plan.layers,
        "readout": plan.readout,
        "limit": network.arithmetic.limit,
        "f": network.arithmetic.accumulator_fraction,
        "one": 1 << network.arithmetic.accumulator_fraction,
        "reset_unit": 1 << (network.arithmetic.accumulator_fraction - network.arithmetic.reset_fraction),
        "meanings": WORDS,
        "facts": facts(plan),
    }


def render_template(template: str, content: dict[str, Any]) -> str:
    """A file of this package, filled."""
    return _environment().get_template(template).render(content)


def _surroundings(name: str) -> dict[str, str]:
    """Everything but the product, by path."""
    return {
        "examples/batch/main.c": "templates/main.c.jinja",
        f"examples/{name}/{name}.ino": "templates/sketch.ino.jinja",
        "library.properties": "templates/library.properties.jinja",
        "README.md": "templates/README.md.jinja",
    }


@lru_cache(maxsize=1)
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("brf_hardware.c", "."),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"comment": _comment, "members": layer_members, "rows": _rows, "values": _values}
    environment.globals["index_word"] = index_word
    return environment


def _comment(text: str) -> str:
    """`text` on one line, in characters that end no comment and that every compiler takes."""
    return "".join(c if c.isascii() and (c.isalnum() or c in COMMENT) else "_" for c in text)


def _values(values: Ints, indent: str = "    ") -> str:
    """The entries of a one-dimensional table."""
    numbers = [str(value) for value in values.tolist()]
    lines = [numbers[at : at + NUMBERS_A_LINE] for at in range(0, len(numbers), NUMBERS_A_LINE)]
    return "\n".join(f"{indent}{', '.join(line)}," for line in lines)


def _rows(values: Ints) -> str:
    """The entries of a two-dimensional table."""
    return "\n".join(f"    {{\n{_values(row, '        ')}\n    }}," for row in values)
