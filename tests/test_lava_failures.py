"""Whatever goes wrong in a Lava run ends in an error with its cause, within seconds, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest
from networks import messages_for, random_network

from brf_deploy.errors import BackendFailure
from brf_hardware.lava.backend import FUSED, PROCESSES, LavaBackend
from brf_hardware.lava.limits import Limits

pytestmark = pytest.mark.xdist_group("lava")

NETWORK = random_network(neurons=(6,))
SOON = Limits(stall=2.0)
PATIENCE = 15.0  # seconds for start, failure and clean-up on a busy machine; the failures themselves take a few


def processes_of(parent):
    """Process ids of every interpreter and model that runs for `parent`; children share its command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        try:
            command = (path / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"brf_hardware.lava.worker" in command and command[-2] == str(parent).encode():
            found.append(int(path.name))
    return sorted(found)


def parent_of(process):
    return int(Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[1])


def wait_until(condition, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def _nothing_left(tmp_path, monkeypatch):
    """No process, no temporary file, no shared memory.

    Looked at more than once: killed processes take a moment to go, and other programs' segments come and go.
    """
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.syspath_prepend(str(Path(__file__).parent / "lava_saboteurs"))
    segments = set(Path("/dev/shm").iterdir())
    yield
    assert list(tmp_path.iterdir()) == []
    wait_until(lambda: processes_of(os.getpid()) == [], 2)
    wait_until(lambda: set(Path("/dev/shm").iterdir()) <= segments)


def run_sabotaged(sabotage, monkeypatch, job="saboteur:run", limits=None):
    """The message of the failure and the seconds it took."""
    monkeypatch.setenv("SABOTAGE", sabotage)
    started = time.monotonic()
    with pytest.raises(BackendFailure) as raised:
        LavaBackend("lava-processes", job, limits).run(NETWORK, messages_for(NETWORK, 50, 2))
    assert time.monotonic() - started < PATIENCE
    return str(raised.value)


@pytest.mark.parametrize(("when", "where"), [("build", "while it was built"), ("step", "in time step 5")])
@pytest.mark.parametrize(
    ("what", "causes"),
    [
        ("crash", ["failed {where}:", "in crash", 'raise ValueError("sabotage")', "ValueError: sabotage"]),
        ("unpicklable", ["failed {where}:", "CannotBePickled: it holds a lock"]),
        ("exit", ["failed {where}:", "SystemExit"]),
        ("vanish", ["ended {where} with exit status 3"]),
        ("die", ["was killed by SIGKILL {where}; if memory ran out, run fewer samples"]),
    ],
)
def test_a_model_that_fails(when, where, what, causes, monkeypatch):
    message = run_sabotaged(f"{when}:{what}", monkeypatch)
    assert message.startswith("backend 'lava-processes': process 'saboteur' ")
    for cause in causes:
        assert cause.format(where=where) in message


@pytest.mark.parametrize("what", ["spin", "sleep"])
def test_a_model_that_hangs_in_a_step(what, monkeypatch):
    message = run_sabotaged(f"step:{what}", monkeypatch, limits=SOON)
    assert "no time step finished for 2 s in time step 5\nprocess 'saboteur' does not come back:" in message
    assert "saboteur.py" in message
    assert "in run_spk" in message
    assert "waiting for another process: 'victim'" in message
    assert "raise the limit: BRF_LAVA_STALL_LIMIT=SECONDS" in message


def test_a_deadlock(monkeypatch):
    message = run_sabotaged("step:swallow", monkeypatch, limits=SOON)
    assert "no time step finished for 2 s in time step 5\nwaiting for another process: 'victim'\n" in message
    assert "does not come back" not in message


def test_a_model_that_hangs_while_it_is_built(monkeypatch):
    message = run_sabotaged("build:spin", monkeypatch, limits=SOON)
    assert "no time step finished for 2 s while the network was built\nprocess 'saboteur' does not" in message


@pytest.mark.parametrize(
    ("job", "cause"),
    [
        ("saboteur:exit_at_once", "the interpreter ended with exit status 7; the end of its output:\nthere is nothing"),
        ("saboteur:fail_at_once", "nobody foresaw this"),
        ("no_such_module:run", "No module named 'no_such_module'"),
    ],
)
def test_an_interpreter_that_fails(job, cause, monkeypatch):
    assert cause in run_sabotaged("", monkeypatch, job)


def test_an_interpreter_that_hangs(monkeypatch):
    message = run_sabotaged("", monkeypatch, "saboteur:sleep", Limits(total=1.5))
    assert "no result after 1.5 s; allow more with BRF_LAVA_TIME_LIMIT=SECONDS" in message


def run_in_thread(job):
    """A run of many steps, and where its error will be."""
    backend, failures = LavaBackend("lava", job), []

    def run():
        try:
            backend.run(NETWORK, messages_for(NETWORK, 200_000, 1))
        except BackendFailure as error:
            failures.append(str(error))

    thread = threading.Thread(target=run)
    thread.start()
    return thread, failures


# Processes of a run besides the interpreter: fused, the network and Lava's runtime service; apart, the source, two
# Dense, BRF, two sinks, Dense, integrator, its sink, the service.
@pytest.mark.parametrize(("job", "children"), [(FUSED, 2), (PROCESSES, 10)])
@pytest.mark.parametrize("victim", ["interpreter", "first child", "last child"])
def test_a_process_killed_from_outside_during_a_run(job, children, victim):
    thread, failures = run_in_thread(job)
    wait_until(lambda: len(processes_of(os.getpid())) == children + 1)
    time.sleep(0.5)
    interpreter, *models = sorted(processes_of(os.getpid()), key=lambda process: parent_of(process) != os.getpid())
    killed = time.monotonic()
    os.kill({"interpreter": interpreter, "first child": min(models), "last child": max(models)}[victim], signal.SIGKILL)
    thread.join(PATIENCE)
    assert time.monotonic() - killed < 3
    [message] = failures
    assert "was killed by SIGKILL" in message
    if victim != "interpreter":
        assert message.startswith("backend 'lava': process '")


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_the_calling_program_is_interrupted_or_killed(how, tmp_path):
    program = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from networks import messages_for, random_network
from brf_hardware.lava.backend import LAVA_PROCESSES
network = random_network(neurons=(6,))
LAVA_PROCESSES.run(network, messages_for(network, 200_000, 1))
"""
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    caller = subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE, env=environment)
    wait_until(lambda: len(processes_of(caller.pid)) == 11)
    caller.send_signal(how)
    _, errors = caller.communicate(timeout=PATIENCE)
    assert (b"KeyboardInterrupt" in errors) == (how == signal.SIGINT)
    wait_until(lambda: processes_of(caller.pid) == [], 5)
    wait_until(lambda: list(tmp_path.iterdir()) == [], 5)
