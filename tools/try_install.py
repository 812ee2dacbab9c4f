"""Build sdist and wheel, install the wheel into an empty virtual environment, and use it there.

    python tools/try_install.py [--keep FOLDER]

Nothing of the checkout is in reach of what is tried: it runs in another folder, with another Python. Says what every
package takes on disk; fails where the installation is larger than README says, where encoding or decoding does not
work, or where a missing extra is not said in one line.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
#: Most that the virtual environment may take, in MB of 10^6 bytes.
MOST_MB = 300
#: Run by the new Python: its packages and their bytes, and the size of a picture.
_SIZES = """
import importlib.metadata as m
for d in m.distributions():
    print(d.name, sum(f.locate().stat().st_size for f in d.files or () if f.locate().exists()))
"""
_SIZE_OF = "import sys; from PIL import Image; print(*Image.open(sys.argv[1]).size)"
#: Commands that need an extra, and the line that says so.
_MISSING = {
    ("decode", "a.tadm", "b.png", "--engine", "torch"): "tadmc[torch]",
    ("decode", "a.tadm", "b.png", "--device", "cuda"): "tadmc[torch]",
    ("decode", "a.tadm", "b.png", "--engine", "openvino"): "tadmc[openvino]",
    ("encode", "photo.png", "b.tadm", "--payload", "jxl"): "tadmc[jxl]",
    ("train", "merge", "new", "old"): "tadmc[torch]",
}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Build, install and try the wheel.")
    parser.add_argument("--keep", type=Path, help="Make everything in this folder and leave it there.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tadmc-install-") as made:
        folder = given.keep or Path(made)
        folder.mkdir(parents=True, exist_ok=True)
        run(sys.executable, "-m", "build", "--outdir", str(folder / "dist"), str(ROOT), quiet=True)
        (wheel,) = (folder / "dist").glob("*.whl")
        (source,) = (folder / "dist").glob("*.tar.gz")
        for file in (wheel, source):
            print(f"{file.name}: {file.stat().st_size / 1e6:.1f} MB")
        venv.create(folder / "venv", with_pip=True, clear=True)
        python = folder / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        run(str(python), "-m", "pip", "install", "--quiet", str(wheel))
        check_size(folder / "venv", python)
        work = folder / "work"
        work.mkdir(exist_ok=True)
        try_it(python, work)


def check_size(environment: Path, python: Path) -> None:
    """Say what each package takes, and stop where all of them take too much."""
    rows = [line.rsplit(" ", 1) for line in run(str(python), "-c", _SIZES, at=environment).splitlines()]
    for name, size in sorted(rows, key=lambda row: -int(row[1])):
        print(f"{int(size) / 1e6:8.1f} MB  {name}")
    total = sum(f.stat().st_size for f in environment.rglob("*") if f.is_file() and not f.is_symlink()) / 1e6
    print(f"{total:8.1f} MB  the whole environment")
    if total > MOST_MB:
        sys.exit(f"the installation takes {total:.0f} MB, more than {MOST_MB}")


def try_it(python: Path, work: Path) -> None:
    """Encode, decode, and ask for what is not there."""
    shutil.copy(ROOT / "examples" / "kodim21.png", work / "photo.png")
    command = str(python.with_name("tadmc"))
    run(command, "encode", "photo.png", "a.tadm", "-f", at=work)
    run(command, "decode", "a.tadm", "a.png", "-f", at=work)
    run(command, "thumbnail", "a.tadm", "-o", "small.png", "-f", at=work)
    sizes = [run(str(python), "-c", _SIZE_OF, name, at=work).split() for name in ("photo.png", "a.png")]
    if sizes[0] != sizes[1]:
        sys.exit(f"decoded to {sizes[1]}, the photograph has {sizes[0]}")
    page = "from codec.viewer.server import PAGE; print((PAGE / 'index.html').exists())"
    if (ROOT / "codec" / "viewer" / "page").exists() and run(str(python), "-c", page, at=work).strip() != "True":
        sys.exit("the page of `tadmc view` is built, and not in the wheel")
    where = run(str(python), "-c", "import codec; print(codec.__file__)", at=work).strip()
    if ROOT in Path(where).parents:
        sys.exit(f"tried {where}, which is the checkout's")
    for words, extra in _MISSING.items():
        (work / "b.tadm").unlink(missing_ok=True)
        done = subprocess.run([command, *words], cwd=work, env=_clean(), capture_output=True, text=True, check=False)
        lines = done.stderr.strip().splitlines()
        if done.returncode != 4 or len(lines) != 1 or extra not in lines[0]:
            sys.exit(f"tadmc {' '.join(words)}: ended with {done.returncode} and said {done.stderr!r}")
    print("the wheel encodes, decodes, and says which extra is missing")


def run(*command: str, at: Path | None = None, quiet: bool = False) -> str:
    """Standard output of a command; its standard error only where it fails."""
    done = subprocess.run(command, cwd=at, env=_clean(), capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout if quiet else ''}{done.stderr}")
    return done.stdout


def _clean() -> dict[str, str]:
    """The environment without what leads Python to other packages."""
    return {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")}


if __name__ == "__main__":
    main()
