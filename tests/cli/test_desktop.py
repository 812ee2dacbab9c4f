"""`tadmc desktop`, tried with the tools of a desktop."""

from __future__ import annotations

import configparser
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from PIL import Image

import codec
from codec.cli import main
from codec.desktop.entries import _quoted, entries

SAMPLE = Path(__file__).resolve().parents[2] / "examples" / "sample.tadm"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's data folder; the caches and programs of others are out of the way."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("codec.desktop.install.program", lambda: [sys.executable, "-m", "codec"])
    return tmp_path / "share"


def desktop(*words: str, code: int = 0) -> Result:
    done = CliRunner().invoke(main, ["desktop", *words])
    assert done.exit_code == code, done.output
    return done


def need(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")


def run(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=100).stdout


def test_install_and_remove(home: Path) -> None:
    said = desktop("install").stderr
    files = {str(p.relative_to(home)) for p in home.rglob("tadmc.*")}
    assert files == {"mime/packages/tadmc.xml", "thumbnailers/tadmc.thumbnailer", "applications/tadmc.desktop"}
    assert all(str(home / name) in said for name in files)
    desktop("install")
    desktop("remove")
    assert not list(home.rglob("tadmc.*"))
    assert "nothing of tadmc is installed" in desktop("remove", code=8).stderr


def test_without_the_databases_it_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codec.desktop.install.shutil.which", lambda tool: None)
    assert desktop("install").stderr.count("is not here (package ") == 2
    assert desktop("install", "-q").stderr == ""


def test_the_file_type_is_known_by_name_and_by_content(home: Path, tmp_path: Path) -> None:
    need("update-mime-database")
    need("gio")
    for name in ("a.tadm", "no-ending"):
        shutil.copy(SAMPLE, tmp_path / name)
    desktop("install")
    for name in ("a.tadm", "no-ending"):
        assert "image/x-tadm" in run("gio", "info", "-a", "standard::content-type", str(tmp_path / name))
    desktop("remove")
    assert "image/x-tadm" not in run("gio", "info", "-a", "standard::content-type", str(tmp_path / "no-ending"))


def test_xdg_mime(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    need("xdg-mime")
    need("update-mime-database")
    desktop("install")
    shutil.copy(SAMPLE, tmp_path / "a.tadm")
    monkeypatch.setenv("XDG_CURRENT_DESKTOP", "GNOME")  # it asks that desktop's tools
    assert run("xdg-mime", "query", "filetype", str(tmp_path / "a.tadm")).strip() == "image/x-tadm"
    assert run("xdg-mime", "query", "default", "image/x-tadm").strip() == "tadmc.desktop"


def test_the_desktop_entry_is_valid(home: Path) -> None:
    need("desktop-file-validate")
    desktop("install")
    assert run("desktop-file-validate", str(home / "applications" / "tadmc.desktop")) == ""


def test_the_thumbnailer_makes_a_png_without_a_model(home: Path, tmp_path: Path) -> None:
    """As a file manager runs it: %i, %o, %s; OUTPUT may end in anything, and be there already, empty and held open: the
    thumbnail service of Xfce looks at what it holds, not at a file that took its place.
    """
    desktop("install")
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(home / "thumbnailers" / "tadmc.thumbnailer")
    line, out = entry["Thumbnailer Entry"]["Exec"], tmp_path / "thumb.tmp"
    out.touch()
    values = {"%i": str(SAMPLE), "%o": str(out), "%s": "128"}
    words = [values.get(word, word) for word in shlex.split(line)]
    program = (
        f"import sys; sys.argv = {words[2:]!r}; from codec.cli import main\n"
        "try: main()\nfinally: assert 'torch' not in sys.modules"
    )
    with out.open("rb") as held:
        subprocess.run([sys.executable, "-c", program], check=True, timeout=100, env=dict(os.environ))
        with Image.open(held) as image:
            assert (image.format, image.size) == ("PNG", (128, 85))


def test_open_shows_a_rebuilt_photograph(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[list[str]] = []
    monkeypatch.setattr("codec.desktop.show.shutil.which", lambda tool: tool if tool == "gio" else None)
    monkeypatch.setattr("codec.desktop.show.subprocess.run", lambda words, check: shown.append(words))
    for _ in range(2):
        desktop("open", str(SAMPLE))
    assert shown[0] == shown[1]
    assert shown[0][:2] == ["gio", "open"]
    with Image.open(shown[0][2]) as image:
        assert image.size == (768, 512)


def test_names_with_spaces_are_quoted() -> None:
    assert _quoted("/usr/bin/tadmc") == "/usr/bin/tadmc"
    assert _quoted('/a b/100%$"') == '"/a b/100%%\\\\$\\\\""'
    assert 'Exec="/a b/tadmc" thumbnail %i' in entries(["/a b/tadmc"])["thumbnailers/tadmc.thumbnailer"]


@pytest.mark.slow
def test_imagemagick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The delegates that docs/desktop.md shows."""
    convert = next((p for p in map(shutil.which, ("convert-im6.q16", "magick")) if p), None)
    if convert is None:
        pytest.skip("ImageMagick is not installed")
    text = (SAMPLE.parents[1] / "docs" / "desktop.md").read_text()
    delegates = text[text.index("<delegatemap>") : text.index("</delegatemap>")] + "</delegatemap>"
    (tmp_path / "ImageMagick").mkdir()
    (tmp_path / "ImageMagick" / "delegates.xml").write_text(delegates)
    (tmp_path / "tadmc").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m codec "$@"\n')
    (tmp_path / "tadmc").chmod(0o755)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    run(convert, str(SAMPLE), str(tmp_path / "a.png"))
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (768, 512)
    run(convert, str(tmp_path / "a.png"), "-resize", "25%", str(tmp_path / "b.tadm"))
    assert codec.read_info(tmp_path / "b.tadm").width == 192
