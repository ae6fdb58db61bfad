import gzip
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from data_helpers import FILES, idx_bytes, isolate, publish_tiny_mnist
from qdiffusion.data import ImagesConfig, fetch, load_images
from qdiffusion.data.catalog import KNOWN, cache_folder
from qdiffusion.errors import DataError, UsageError
from qdiffusion.progress import SilentProgress, Task

CONTENT = {f"{name}.gz": gzip.compress(idx_bytes(array)) for name, array in FILES.items()}
FIRST = "train-images-idx3-ubyte.gz"


@dataclass
class Mirror:
    """A local mirror: what it serves, how its next answers are spoilt, and the (name, first byte) asked for."""

    url: str
    content: dict[str, bytes] = field(default_factory=lambda: dict(CONTENT))
    truncate: dict[str, int] = field(default_factory=dict)  # file name: bytes of the next answer
    ranges: bool = True
    asked: list[tuple[str, int]] = field(default_factory=list)

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        name = handler.path.rsplit("/", 1)[1]
        asked = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        start = int(asked[1]) if asked and self.ranges else 0
        self.asked.append((name, start))
        if name not in self.content:
            return handler.send_error(404)
        if start and start >= len(self.content[name]):
            return handler.send_error(416)
        body = self.content[name][start:]
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: self.truncate.pop(name, None)])


@pytest.fixture
def mirror(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Mirror]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = Mirror(url=f"http://127.0.0.1:{server.server_port}/")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        isolate(monkeypatch, tmp_path)
        publish_tiny_mnist(monkeypatch, mirrors=(served.url,))
        yield served
        server.shutdown()
        thread.join()


class Recorder(SilentProgress):
    """Writes down which task began, with how many bytes already done of how many, and where it was at its end."""

    def __init__(self) -> None:
        self.told: list[tuple[str, int, int, int]] = []

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        seen = [done]
        yield SimpleNamespace(update=seen.append)
        assert seen == sorted(seen)
        self.told.append((title, done, seen[-1], total))


def test_a_fetched_set_is_whole_reported_and_found(mirror: Mirror) -> None:
    recorder = Recorder()
    folder = fetch("mnist", progress=recorder)
    assert folder == cache_folder() / "mnist"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert recorder.told == [(name, 0, len(content), len(content)) for name, content in CONTENT.items()]
    assert load_images(ImagesConfig(name="mnist"), "train").name == "mnist"


def test_what_is_there_is_not_fetched_again_unless_it_is_damaged(mirror: Mirror, tmp_path: Path) -> None:
    folder = fetch("mnist", root=tmp_path)
    assert folder == tmp_path / "mnist"
    mirror.asked.clear()
    (folder / FIRST).write_bytes(CONTENT[FIRST][:-9])
    fetch("mnist", root=tmp_path)
    assert mirror.asked == [(FIRST, 0)]
    assert (folder / FIRST).read_bytes() == CONTENT[FIRST]


def test_a_broken_transfer_is_resumed_where_it_stopped(mirror: Mirror) -> None:
    mirror.truncate[FIRST] = 100
    recorder = Recorder()
    folder = fetch("mnist", progress=recorder)
    assert mirror.asked[:2] == [(FIRST, 0), (FIRST, 100)]
    total = len(CONTENT[FIRST])
    assert recorder.told[:2] == [(FIRST, 0, 100, total), (FIRST, 100, total, total)]
    assert (folder / FIRST).read_bytes() == CONTENT[FIRST]


def test_a_later_call_resumes_what_an_earlier_one_left(mirror: Mirror) -> None:
    part = cache_folder() / "mnist" / f"{FIRST}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[FIRST][:50])
    folder = fetch("mnist")
    assert mirror.asked[0] == (FIRST, 50)
    assert (folder / FIRST).read_bytes() == CONTENT[FIRST]


@pytest.mark.parametrize("ranges", [True, False])
def test_a_part_that_is_whole_already_or_a_mirror_without_ranges_does_no_harm(mirror: Mirror, ranges: bool) -> None:
    mirror.ranges = ranges
    part = cache_folder() / "mnist" / f"{FIRST}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(CONTENT[FIRST])
    folder = fetch("mnist")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    assert [name for name, _ in mirror.asked] == list(CONTENT)


def test_a_wrong_part_is_thrown_away_and_fetched_anew(mirror: Mirror) -> None:
    part = cache_folder() / "mnist" / f"{FIRST}.part"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"rubbish" * 10)
    assert (fetch("mnist") / FIRST).read_bytes() == CONTENT[FIRST]
    assert mirror.asked[:2] == [(FIRST, 70), (FIRST, 0)]


def test_a_wrong_checksum_is_refused_and_leaves_nothing(mirror: Mirror) -> None:
    mirror.content[FIRST] = gzip.compress(b"something else")
    with pytest.raises(DataError, match="wrong checksum"):
        fetch("mnist")
    assert list((cache_folder() / "mnist").iterdir()) == []


def test_the_next_mirror_is_tried(mirror: Mirror, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        publish_tiny_mnist(monkeypatch, mirrors=(dead, mirror.url))
        folder = fetch("mnist")
    assert {path.name for path in folder.iterdir()} == set(CONTENT)


def test_without_network_it_says_which_files_to_put_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    isolate(monkeypatch, tmp_path)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{unused.getsockname()[1]}/"
        publish_tiny_mnist(monkeypatch, mirrors=(dead,))
        with pytest.raises(DataError) as caught:
            fetch("mnist")
    message = str(caught.value)
    assert all(name in message for name in (*CONTENT, dead, str(cache_folder() / "mnist"), "refused"))


def test_an_unwritable_folder_is_a_data_error_and_asks_no_mirror(mirror: Mirror, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match="cannot be written"):
        fetch("mnist", root=tmp_path / "file")
    assert mirror.asked == []


def test_subsets_and_unknown_names_cannot_be_fetched() -> None:
    for name in ("mnist-subset", "cifar"):
        with pytest.raises(UsageError, match=f"'{name}' cannot be fetched; choose one of {', '.join(KNOWN)}"):
            fetch(name)
