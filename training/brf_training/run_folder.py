"""The folder of a training run: what lies where in it, and that only one process writes there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from brf_deploy.errors import InvalidInput


@dataclass(frozen=True)
class RunFolder:
    """Where a run writes."""

    path: Path

    @property
    def start(self) -> Path:
        """The model that training starts from, where it was given as a module."""
        return self.path / "start.safetensors"

    @property
    def model(self) -> Path:
        """The best epoch's float network."""
        return self.path / "model.safetensors"

    @property
    def network(self) -> Path:
        """Its integer network, where that is trained."""
        return self.path / "net.nir"

    @property
    def checkpoint(self) -> Path:
        """All that it takes to go on."""
        return self.path / "checkpoint.safetensors"

    @property
    def recipe(self) -> Path:
        """All that decides the run, as TOML."""
        return self.path / "recipe.toml"

    @property
    def metrics(self) -> Path:
        """JSON lines, an epoch each."""
        return self.path / "metrics.jsonl"

    @property
    def summary(self) -> Path:
        """What the run came to, as JSON."""
        return self.path / "summary.json"

    @property
    def events(self) -> Path:
        """The folder of TensorBoard's events."""
        return self.path / "tensorboard"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within: no other process may train here; the folder is made, and parts of files of a killed one are gone.

        A folder into which nothing was written goes again. Raises `InvalidInput` where another process does, and where
        the folder cannot be made.
        """
        place = self.path / ".lock"
        lock = FileLock(place, timeout=0)  # the system lets go of it when a process dies
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except Timeout as error:
            raise InvalidInput(
                f"folder '{self.path}': another process is training there; wait for it, or stop it and go on with "
                "--resume"
            ) from error
        except OSError as error:
            raise InvalidInput(
                f"folder '{self.path}': cannot be written to ({error.strerror}); name one that you may write to"
            ) from error
        try:
            for file in self._files:
                for part in self.path.glob(f"{file.name}.*.part"):
                    part.unlink()
            yield
        finally:
            lock.release()
            if set(self.path.iterdir()) <= {place}:
                place.unlink(missing_ok=True)
                self.path.rmdir()

    def forget(self) -> None:
        """Remove what an earlier run left."""
        for file in (self.checkpoint, self.model, self.network, self.summary):
            file.unlink(missing_ok=True)

    @property
    def _files(self) -> tuple[Path, ...]:
        return (self.start, self.model, self.network, self.checkpoint, self.recipe, self.summary)
