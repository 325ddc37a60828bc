"""The page: whole, self-contained, readable by people and by machines, and written whole or not at all."""

import errno
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from float_networks import random_float_network, random_messages
from networks import random_network
from reports import bare_report, costed_page, samples_for, task_for, whole_report

from brf_deploy.errors import InvalidInput, Unavailable
from brf_deploy.network import IntegerNetwork
from brf_deploy.quantization import QuantizationConfig, Scheme, measure_ranges, quantize_unsafe
from brf_deploy.task import Decision
from brf_hardware.equivalence import BackendResult, Gate
from brf_hardware.report import write_report
from brf_hardware.report.figures.sample import merged_steps, spread
from brf_hardware.report.figures.theme import PAGE_COLOURS, themed_svg
from brf_hardware.report.layout import Badge
from brf_hardware.report.numbers import count, decibel, listed, percent, plural, radius, real, size
from brf_hardware.report.page import render
from brf_hardware.report.sections.equivalence import backends
from brf_hardware.report.summary import summarise

ANCHORS = [
    "network", "spikes", "sample", "states", "poles", "loss", "equivalence", "backends", "operations", "hardware",
    "origin",
]  # fmt: skip
CHIP_ANCHORS = [*ANCHORS[:-2], "mapping", "latency", "energy", "budget", "hardware", "sources", "origin"]
VOID = {"meta", "link", "br", "img", "input", "hr"}
MOST_BYTES = 3_000_000


class Page(HTMLParser):
    """Checks nesting, and keeps what the tests ask for."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.text = [], [], ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if "style" not in self.open:
            self.text += data

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]


@pytest.fixture(scope="module")
def whole():
    return whole_report()


@pytest.fixture(scope="module")
def whole_page(whole):
    return render(whole)


@pytest.fixture(scope="module")
def bare_page():
    return render(bare_report())


@pytest.fixture(scope="module")
def chips_page():
    return costed_page()


@pytest.fixture(scope="module", params=["whole_page", "chips_page"])
def any_page(request):
    return request.getfixturevalue(request.param)


@pytest.mark.parametrize(
    ("which", "anchors"), [("whole_page", ANCHORS), ("bare_page", ANCHORS), ("chips_page", CHIP_ANCHORS)]
)
def test_page_is_well_formed_and_has_every_section(which, anchors, request):
    page = Page(request.getfixturevalue(which))
    assert [attrs["id"] for attrs in page.all("section")] == anchors
    assert [attrs["href"] for attrs in page.all("a")] == [f"#{anchor}" for anchor in anchors]
    assert page.all("html") == [{"lang": "en-GB"}]
    assert len(page.all("title")) == len(page.all("h1")) == 1
    assert [tag for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)] == ["h1"] + ["h2"] * len(anchors)


def test_figures_and_tables_are_accessible(whole_page):
    page = Page(whole_page)
    labels = [attrs["aria-label"] for attrs in page.all("div") if attrs.get("role") == "img"]
    assert len(labels) == len(page.all("svg")) == len(set(labels)) == 5  # spikes, sample, states, two layers of poles
    assert all(attrs["scope"] in ("col", "row") for attrs in page.all("th"))
    assert len(page.all("thead")) == len(page.all("table")) >= 9


def test_page_fetches_nothing(any_page):
    assert "http:" not in any_page
    assert "https:" not in any_page
    assert "@import" not in any_page
    for tag, attrs in Page(any_page).tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base")
        assert "src" not in attrs
        assert attrs.get("href", "#").startswith("#")
    assert set(re.findall(r"url\((.)", any_page)) <= {"#"}


def test_figures_are_xml_with_identifiers_of_their_own(any_page):
    found = re.findall(r"<svg .*?</svg>", any_page, flags=re.DOTALL)
    for svg in found:
        ElementTree.fromstring(svg)
    known = re.findall(r" id=\"([^\"]*)\"", any_page)
    assert len(known) == len(set(known))
    used = re.findall(r"(?:url\(|href=\")#([^)\"]*)", any_page)
    assert set(used) <= set(known)


def test_every_colour_comes_from_the_page(any_page):
    assert not [placeholder for placeholder in PAGE_COLOURS if placeholder in any_page]
    figures = "".join(re.findall(r"<svg .*?</svg>", any_page, flags=re.DOTALL))
    assert set(re.findall(r"#[0-9a-f]{6}\b", figures)) == set()
    style = any_page[any_page.index("<style>") : any_page.index("</style>")]
    for variable in set(re.findall(r"var\((--[a-z0-9]+)\)", figures)):
        assert style.count(f"{variable}:") == 2, f"{variable} needs a light and a dark colour"


def test_same_content_gives_the_same_bytes(whole, whole_page):
    assert render(whole) == whole_page


def test_key_numbers_stand_in_the_page(whole, whole_page):
    text = Page(whole_page).text
    before, after = whole.verification.before, whole.verification.after
    assert f"{after.accuracy:.2%}" in text
    assert f"{after.total_spikes:,}" in text
    assert f"{before.total_spikes:,}" in text
    assert f"{whole.synaptic_operations:,}" in text
    assert radius(whole.worst_radius) in text
    assert "random: 3-16-10-4 BRF network" in text
    for gate in whole.verification.gates:
        assert gate.statement in text
    assert "pip install elsewhere" in text
    assert "is a spike count" in text
    assert "brf-deploy report net.nir --task random" in text
    assert "2030-01-02" in text
    assert "brf-deploy 9.8.7" in text


def test_what_is_missing_says_how_to_get_it(bare_page):
    text = Page(bare_page).text
    assert "brf-deploy report NET --task random --model MODEL --out report.html" in text
    assert text.count("this needs the trained model (--model MODEL)") == 3
    assert "stable" in text


@pytest.mark.parametrize(
    ("gates", "verdict", "reason"),
    [
        (
            (),
            Badge("equivalent", "good"),
            "All 0 hard gates hold, 0 of 0 soft ones; 1 backend agreed with the reference",
        ),
        ((("hard", False), ("hard", True)), Badge("not equivalent", "bad"), "1 of 2 hard gates fail: E9."),
        ((("hard", True), ("soft", False)), Badge("equivalent", "good"), "All 1 hard gates hold, 0 of 1 soft ones"),
    ],
)
def test_verdict_follows_the_hard_gates(whole, gates, verdict, reason):
    made = tuple(Gate("E9", "a statement", kind, "1", "0", holds) for kind, holds in gates)
    summary = summarise(replace(whole, verification=replace(whole.verification, gates=made)))
    assert summary.verdict == verdict
    assert reason in summary.reason


def test_backends_that_did_not_run_are_named_beside_the_verdict(whole):
    assert summarise(whole).reason.endswith("on every bit, not run: elsewhere.")


def test_a_backend_that_differs_is_shown(whole):
    found = {"odd": BackendResult("different", "layer 0, step 3: expected 1, found 2", 0.25)}
    (table,) = backends(replace(whole, verification=replace(whole.verification, backends=found))).blocks
    assert table.rows == (("odd", Badge("different", "bad"), "0.2", "layer 0, step 3: expected 1, found 2"),)


def test_an_unstable_network_says_so():
    model = random_float_network(neurons=(40,))
    messages = random_messages(model, 30, 5)
    config = QuantizationConfig(scheme=Scheme.LAVA, coefficient_bits=6)
    network = quantize_unsafe(model, config, measure_ranges(model, messages))
    content = bare_report(network, samples=samples_for(network), model=model)
    summary = summarise(content)
    assert summary.verdict == Badge("unstable", "bad")
    assert "on or outside the divergence boundary: such a one can fire for ever" in summary.reason
    assert "✗ unstable" in Page(render(content)).text


NASTY = '<script>alert("x")</script> & $\\frac{1}{ 木'


def test_values_are_escaped():
    network = random_network()
    layer = replace(network.layers[0], name=NASTY)
    network = IntegerNetwork(
        network.task, network.encoding, network.arithmetic, (layer,), network.readout, network.skip_steps
    )
    content = bare_report(network, task_for(network, name=NASTY, description=NASTY))
    content = replace(
        content, provenance=replace(content.provenance, command=NASTY, date=NASTY, versions={NASTY: NASTY})
    )
    page = Page(render(content))
    assert page.all("script") == []
    assert page.text.count(NASTY) > 10


@dataclass(frozen=True)
class Shape:
    """A network and samples of a kind that takes another path through the figures."""

    network: IntegerNetwork
    steps: int = 30
    count: int = 3
    every_step: bool = False


SHAPES = {
    "graded": Shape(random_network(inputs=1, maximum=16, full_scale=16)),
    "graded wide": Shape(random_network(inputs=4, maximum=255, full_scale=255, recurrent=False)),
    "every step": Shape(random_network(outputs=9, skip_steps=5), every_step=True),
    "one of each": Shape(random_network(inputs=1, neurons=(1,), outputs=1), steps=1, count=1),
    "wide": Shape(random_network(neurons=(300, 2, 5), outputs=12), steps=4),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_network_can_be_drawn(name):
    shape = SHAPES[name]
    task = task_for(shape.network, decision=Decision.EVERY_STEP if shape.every_step else Decision.LAST_STEP)
    samples = samples_for(shape.network, shape.steps, shape.count, shape.every_step)
    page = Page(render(bare_report(shape.network, task, samples)))
    assert len(page.all("svg")) == 3 + len(shape.network.layers)


def test_a_network_that_never_fires_can_be_drawn():
    network = random_network()
    samples = samples_for(network)
    content = bare_report(network, samples=replace(samples, stored=0 * samples.messages))
    assert content.evaluation.total_spikes == 0
    assert "0, 1, 2, 3, 4, 5, 6, 7" in Page(render(content)).text


def test_a_dense_raster_merges_steps_and_says_so():
    spikes = np.ones((1000, 50), bool)
    assert merged_steps(spikes, 50_000) == 1
    assert merged_steps(spikes, 49_999) == 2
    assert merged_steps(spikes, 10_000) == 8
    assert merged_steps(np.zeros((1000, 50), bool), 0) == 1
    content = bare_report(random_network())
    long = {"messages": np.ones((15_000, 3), np.int64), "readout": np.arange(30_000).reshape(15_000, 2) % 977}
    busy = replace(content, sample=replace(content.sample, spikes=(np.ones((15_000, 8), bool),), **long))
    page = render(busy)
    assert "input: events of 3 channels (a mark: at least one spike in 4 steps)" in page
    assert "spikes of 8 neurons (a mark: at least one spike in 8 steps)" in page
    assert "readout at one step of 2" in page
    assert len(page) < MOST_BYTES


def test_names_of_lines_stay_apart_and_near():
    assert spread([0.0, 5.0], 1.0) == [0.0, 5.0]
    assert spread([0.0, 0.0], 1.0) == [-0.5, 0.5]
    places = np.sort(np.random.default_rng(0).normal(size=20)).tolist()
    found = spread(places, 0.2)
    assert min(np.diff(found)) >= 0.2 - 1e-12
    assert abs(np.mean(found) - np.mean(places)) < 1e-12


def test_numbers_read_well():
    assert [count(n) for n in (974811, 6906.4, 15.26, 7.0, 0.0, 7)] == ["974,811", "6,906", "15.3", "7.00", "0", "7"]
    assert percent(0.86278) == "86.28%"
    assert [radius(r) for r in (0.999804, 1.00062, 0.5, 1.0)] == ["0.99980", "1.00062", "0.5000", "1 exactly"]
    assert [real(x) for x in (0, 81.93, -0.0123, 12345.6, 1e-7)] == ["0", "81.9", "−0.0123", "12,346", "1.00e−07"]
    assert [size(b) for b in (1705, 68709, 9_000_000)] == ["1,705 B", "67.1 KiB", "8.6 MiB"]
    assert [decibel(x) for x in (46.53, float("inf"), None)] == ["46.5 dB", "lossless", "–"]
    assert [plural(1, "step"), plural(1300, "step")] == ["1 step", "1,300 steps"]
    assert [listed([]), listed([3, 5]), listed([1, 2, 3, 4], 2)] == ["none", "3, 5", "1, 2 and 2 more"]


def forget_modules(monkeypatch, absent):
    """As in a process that has drawn nothing yet, on a machine without the package."""
    for name in list(sys.modules):
        if name.split(".")[0] == absent or name.startswith(
            ("brf_hardware.report.figures", "brf_hardware.report.sections")
        ):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, absent, None)


@pytest.mark.parametrize("absent", ["matplotlib", "jinja2"])
def test_absent_package_says_what_to_install(monkeypatch, tmp_path, absent):
    content = bare_report()
    forget_modules(monkeypatch, absent)
    with pytest.raises(Unavailable) as caught:
        write_report(content, tmp_path / "report.html")
    assert str(caught.value) == (
        f"the HTML report needs the package '{absent}', which is not installed: pip install 'brf-deploy[report]'"
    )
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def quick(monkeypatch):
    """Where only the writing matters, the page need not be drawn."""
    monkeypatch.setattr("brf_hardware.report.page.render", lambda content: "page")


@pytest.mark.usefixtures("quick")
def test_report_is_written_with_its_folder(tmp_path, whole):
    path = tmp_path / "new" / "report.html"
    write_report(whole, path)
    write_report(whole, path)
    assert path.read_text("utf-8") == "page"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.usefixtures("quick")
def test_path_that_is_a_folder_leaves_no_partial_file(tmp_path, whole):
    path = tmp_path / "report.html"
    path.mkdir()
    with pytest.raises(InvalidInput) as caught:
        write_report(whole, path)
    assert str(caught.value).startswith(f"file '{path}': cannot be written (Is a directory)")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.usefixtures("quick")
def test_folder_that_is_a_file_is_refused(tmp_path, whole):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(InvalidInput, match=r"file '.*': cannot be written \(.*\); name a file in a folder"):
        write_report(whole, tmp_path / "file" / "report.html")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.mark.usefixtures("quick")
def test_full_disk_leaves_the_old_report(tmp_path, whole, monkeypatch):
    path = tmp_path / "report.html"
    path.write_text("old")

    def fill(self, data):
        with self.open("wb") as file:
            file.write(data[:2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fill)
    with pytest.raises(InvalidInput, match="No space left on device"):
        write_report(whole, path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_figure_without_a_date_or_metadata():
    svg = themed_svg("empty", 1.0, lambda figure: figure.subplots())
    assert svg.startswith("<svg viewBox=")
    assert "metadata" not in svg
    assert "<?xml" not in svg


def test_published_ecg_network_makes_a_small_page(data_dir, tmp_path):
    pytest.importorskip("torch")
    from brf_deploy.quantization import quantize
    from brf_training.published import read_published
    from brf_training.tasks.ecg import ECG

    model = read_published(data_dir / "checkpoints" / "ecg_brf.pt", "brf", ECG)
    samples = ECG.load("test", data_dir).take(slice(10))
    network = quantize(model, QuantizationConfig(), measure_ranges(model, samples.messages))
    write_report(bare_report(network, ECG, samples, model=model), tmp_path / "report.html")
    assert (tmp_path / "report.html").stat().st_size < 1_000_000


BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
BROWSER = next(filter(shutil.which, BROWSERS), BROWSERS[0])
# The script says in the title what the page is made of, and how wide it is.
MEASURE = """<script>
const found = [...document.querySelectorAll("section")].map((section) => section.id).join();
document.title = `${found} ${document.documentElement.scrollWidth} ${innerWidth}`;
</script>"""


def browse(path, tmp_path):
    """The page's DOM and what the browser logged, at the narrowest window it opens."""
    command = [
        BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync",
        f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", "--window-size=500,800", "--dump-dom",
        path.as_uri(),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, done.stderr


@pytest.mark.needs(BROWSER)
@pytest.mark.parametrize(("which", "anchors"), [("whole_page", ANCHORS), ("chips_page", CHIP_ANCHORS)])
def test_browser_shows_the_page_without_a_complaint(which, anchors, request, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(request.getfixturevalue(which).replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    dom, log = browse(path, tmp_path)
    assert "CONSOLE" not in log
    sections, width, window = re.search(r"<title>(\S+) (\d+) (\d+)</title>", dom).groups()
    assert sections.split(",") == anchors
    assert int(width) <= int(window), "the page itself must not scroll sideways"


@pytest.mark.needs(BROWSER)
def test_browser_log_would_show_a_complaint(tmp_path):
    path = tmp_path / "broken.html"
    path.write_text("<!DOCTYPE html><title>broken</title><script>nonsense()</script>", encoding="utf-8")
    assert "CONSOLE" in browse(path, tmp_path)[1]
