"""Fetch one file over HTTP(S): resumed where it stopped, verified before it takes its name.

The bytes so far lie in ``NAME.part`` with the server's validator (its ETag or date) in ``NAME.part.validator``. A later
request asks for the rest only if the validator still holds (RFC 9110, If-Range), so a changed file starts anew.
"""

import http.client
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from brf_deploy.errors import InvalidInput, MissingData

BLOCK = 1 << 16
# HTTP status codes that another try may cure: timeout, too many requests, and the server's own faults.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
RANGE_NOT_SATISFIABLE = 416

# Called with the bytes that are there and, where the server says, the bytes there will be.
Progress = Callable[[int, int | None], None]


class DownloadFailure(MissingData):
    """A file that could not be fetched from its source."""


class _Dropped(Exception):
    """A fault that another try may cure."""


@dataclass(frozen=True)
class Patience:
    """How long to try: attempts in all, the first pause (s, doubling each time), and seconds without a byte."""

    attempts: int = 4
    pause: float = 0.5
    timeout: float = 30.0


def download(
    urls: Sequence[str],
    target: Path,
    damage: Callable[[Path], str | None],
    progress: Progress = lambda done, total: None,
    patience: Patience = Patience(),
) -> None:
    """Fetch `target` from the first of `urls` that serves it; it appears whole and verified or not at all.

    `damage` says what is wrong with a finished file, or None; a damaged one is removed. Raises `DownloadFailure` with
    what each source answered, or `InvalidInput` where the directory cannot be written.
    """
    failures: list[str] = []
    part = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        for url in urls:
            try:
                _transfer_patiently(url, part, progress, patience)
                _accept(url, part, target, damage)
                return
            except DownloadFailure as failure:
                failures.append(str(failure))
    except OSError as error:
        raise InvalidInput(
            f"data directory: cannot write '{part}': {error.strerror}; make room or name another directory with "
            "--data DIR, and run the command again: it goes on where it stopped"
        ) from error
    raise DownloadFailure("\n".join(failures))


def _accept(url: str, part: Path, target: Path, damage: Callable[[Path], str | None]) -> None:
    """Give a finished file its name, or remove it where it is damaged."""
    fault = damage(part)
    _validator_file(part).unlink(missing_ok=True)
    if fault is None:
        part.replace(target)
        return
    part.unlink()
    raise DownloadFailure(
        f"{url}: {fault}; the file was removed. Run the command again; if it fails the same way, the source has changed"
    )


def _transfer_patiently(url: str, part: Path, progress: Progress, patience: Patience) -> None:
    for attempt in range(1, patience.attempts + 1):
        try:
            _transfer(url, part, progress, patience.timeout)
            return
        except _Dropped as fault:
            if attempt == patience.attempts:
                raise DownloadFailure(
                    f"{url}: {fault} (attempt {attempt} of {attempt}); check the network connection and run the "
                    "command again: it goes on where it stopped"
                ) from fault
            time.sleep(patience.pause * 2 ** (attempt - 1))


def _transfer(url: str, part: Path, progress: Progress, timeout: float) -> None:
    """One request for what is missing; raises `_Dropped` where it ends too soon."""
    validator = _validator(part)
    start = part.stat().st_size if validator is not None else 0
    with _open(url, part, start, validator, timeout) as response:
        if response.status != http.HTTPStatus.PARTIAL_CONTENT:
            start = 0
            _keep_validator(part, response)
        total = start + response.length if response.length is not None else None
        done = start
        with part.open("ab" if start else "wb") as file:
            for block in _blocks(response):
                file.write(block)
                done += len(block)
                progress(done, total)
    if total is not None and done < total:
        raise _Dropped(f"the connection closed after {done:,} of {total:,} bytes")


def _open(url: str, part: Path, start: int, validator: str | None, timeout: float) -> http.client.HTTPResponse:
    # Without "identity" a server may compress on the way, and ranges and lengths would count compressed bytes.
    headers = {"User-Agent": "brf-deploy", "Accept-Encoding": "identity"}
    if start and validator:
        headers |= {"Range": f"bytes={start}-", "If-Range": validator}
    try:
        response: http.client.HTTPResponse = urllib.request.urlopen(
            urllib.request.Request(url, headers=headers), timeout=timeout
        )
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)
            raise _Dropped("the server no longer has the bytes asked for") from error
        if error.code in PASSING:
            raise _Dropped(f"HTTP {error.code} {error.reason}") from error
        raise DownloadFailure(
            f"{url}: HTTP {error.code} {error.reason}; the source does not offer this file any more: fetch it by hand "
            "or from a mirror (--mirror URL)"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        reason = error.reason if isinstance(error, urllib.error.URLError) else error
        raise _Dropped(f"no connection: {reason}") from error
    return response


def _blocks(response: http.client.HTTPResponse) -> Iterator[bytes]:
    try:
        while block := response.read(BLOCK):
            yield block
    except (OSError, http.client.HTTPException) as error:
        raise _Dropped(f"the connection broke: {error or type(error).__name__}") from error


def _validator_file(part: Path) -> Path:
    return part.with_name(part.name + ".validator")


def _validator(part: Path) -> str | None:
    """What the bytes in `part` belong to; None where there are none or the server gave nothing to tell."""
    file = _validator_file(part)
    return file.read_text(encoding="utf-8") if part.is_file() and file.is_file() else None


def _keep_validator(part: Path, response: http.client.HTTPResponse) -> None:
    """Remember a strong ETag, else the date; RFC 9110 section 13.1.5 forbids a weak ETag in If-Range."""
    etag = response.headers["ETag"]
    validator = etag if etag is not None and not etag.startswith("W/") else response.headers["Last-Modified"]
    part.unlink(missing_ok=True)
    if validator is None:
        _validator_file(part).unlink(missing_ok=True)
    else:
        _validator_file(part).write_text(validator, encoding="utf-8")
