"""`tadmc view`: what its server hands out, to whom, and what is said before it starts."""

from __future__ import annotations

import http.client
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from click.testing import CliRunner

from codec.cli import main
from codec.models.package import open_package
from codec.viewer import server
from codec.viewer.server import Viewer

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "sample.tadm"


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<title>page</title>")
    (tmp_path / "secret.txt").write_text("not to be had")
    return folder


@pytest.fixture
def viewer(page: Path, tmp_path: Path, tiny_package: Path) -> Iterator[Viewer]:
    file = Path(shutil.copy(SAMPLE, tmp_path / "a photo & more.tadm"))
    made = Viewer([file, SAMPLE], lambda: [open_package(tiny_package)], page=page)
    thread = threading.Thread(target=made.serve)
    thread.start()
    yield made
    made.close()
    thread.join()


def ask(viewer: Viewer, path: str, method: str = "GET", host: str | None = None) -> tuple[int, bytes, dict[str, str]]:
    at = urlsplit(viewer.address).netloc
    connection = http.client.HTTPConnection(at, timeout=20)
    connection.request(method, path, headers={"Host": host or at})
    answer = connection.getresponse()
    found = answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()}
    connection.close()
    return found


def test_the_page_and_the_named_files_are_there(viewer: Viewer) -> None:
    parts = urlsplit(viewer.address)
    assert parts.hostname == "127.0.0.1"
    status, body, headers = ask(viewer, parts.path)
    assert (status, body) == (200, b"<title>page</title>")
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-embedder-policy"] == "require-corp"
    folder = parts.path.rpartition("/")[0]
    for name in parse_qs(parts.query)["file"]:
        assert ask(viewer, f"{folder}/{name}")[:2] == (200, SAMPLE.read_bytes())
    assert unquote(parse_qs(parts.query)["file"][0]).endswith("/a photo & more.tadm")
    status, body, headers = ask(viewer, parts.path, "HEAD")
    assert (status, body, headers["content-length"]) == (200, b"", "19")


def test_models_are_drawn_when_they_are_asked_for(viewer: Viewer, tiny_package: Path) -> None:
    folder = urlsplit(viewer.address).path.rpartition("/")[0]
    status, body, _ = ask(viewer, f"{folder}/models/manifest.json")
    manifest = json.loads(body)
    assert status == 200
    assert open_package(tiny_package).model_id(4).hex() in manifest["models"]
    for name, said in manifest["files"].items():
        assert len(ask(viewer, f"{folder}/models/{name}")[1]) == said["bytes"]


def test_nothing_else_is_there(viewer: Viewer) -> None:
    folder = urlsplit(viewer.address).path.rpartition("/")[0]
    below = ("../secret.txt", "%2e%2e/secret.txt", "files/2/x.tadm", "models/../index.html", "/etc/passwd")
    for path in ("/", "/index.html", *(f"{folder}/{name}" for name in below)):
        assert ask(viewer, path)[0] == 404, path
    # a name that somebody has made to point at this machine
    assert ask(viewer, f"{folder}/index.html", host="example.org")[0] == 404
    assert ask(viewer, f"{folder}/index.html", "POST")[0] == 501


def test_what_is_wrong_is_said_in_one_line(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.tadm"
    broken.write_bytes(SAMPLE.read_bytes()[:-3])
    cases = [([str(tmp_path / "none.tadm")], 7), ([str(broken)], 3), ([str(page / "index.html")], 3)]
    monkeypatch.setattr(server, "PAGE", page)
    for words, code in cases:
        done = CliRunner().invoke(main, ["view", "--no-browser", *words])
        assert (done.exit_code, len(done.stderr.strip().splitlines())) == (code, 1), words
    monkeypatch.setattr(server, "PAGE", tmp_path / "nowhere")
    done = CliRunner().invoke(main, ["view", str(SAMPLE)])
    assert done.exit_code == 4
    assert "make web" in done.stderr


def test_the_command_says_the_address_and_ends_quietly(page: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []

    def stop(viewer: Viewer) -> None:
        viewer._server.server_close()
        raise KeyboardInterrupt

    monkeypatch.setattr(server, "PAGE", page)
    monkeypatch.setattr(Viewer, "serve", stop)
    monkeypatch.setattr("webbrowser.open", opened.append)
    done = CliRunner().invoke(main, ["view", str(SAMPLE)])
    assert done.exit_code == 0
    (address,) = opened
    assert address in done.stderr
    assert "sample.tadm" in address
