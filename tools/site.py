"""A hook of mkdocs: pages of the site made from files elsewhere in the repository, from docstrings and `--help`.

Links that these files have are made to fit: to pages of the site where there is one, to copied pictures, and otherwise
they become plain words, so that no link of the site leads nowhere.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path
from typing import Any

import click
from mkdocs.structure.files import File, Files

import codec
from codec.cli import main as command

ROOT = Path(__file__).resolve().parents[1]
#: Files of the repository that are pages, by their place in the site.
PAGES = {
    "index.md": "README.md", "format_spec.md": "format_spec.md", "CHANGELOG.md": "CHANGELOG.md",
    "results/README.md": "bench/results/README.md", "results/compact.md": "bench/results/compact.md",
    "results/sizes.md": "bench/results/sizes.md",
    "results/kodak/means.md": "bench/results/kodak/means.md",
    "results/kodak/wins.md": "bench/results/kodak/wins.md", "results/kodak/bd.md": "bench/results/kodak/bd.md",
    "results/clic2025/wins.md": "bench/results/clic2025/wins.md",
    "results/clic2025/bd.md": "bench/results/clic2025/bd.md",
}  # fmt: skip
_LINK = re.compile(r"(!?)\[([^\]]*)\]\(([^)\s]+)\)")
_PICTURES = {".png", ".jpg", ".svg", ".webp"}
#: What the reference of the Python package lists, in this order.
PUBLIC = (
    "open", "encode", "decode", "thumbnail", "restore", "read_info", "check", "TadmImage", "Saved", "Info", "Engine",
    "EncodeOptions", "DecodeOptions", "EngineOptions", "DecodeLimits",
)  # fmt: skip


def on_files(files: Files, config: Any) -> Files:  # noqa: ANN401 - mkdocs' configuration
    """Add the pages that are made."""
    made = {page: (ROOT / source).read_text() for page, source in PAGES.items() if (ROOT / source).is_file()}
    pictures: dict[str, Path] = {}
    for page, text in made.items():
        files.append(File.generated(config, page, content=fitted(page, text, pictures)))
    files.append(File.generated(config, "reference/commands.md", content=commands()))
    files.append(File.generated(config, "reference/python.md", content=python()))
    files.append(File.generated(config, "adr/index.md", content=decisions()))
    there = {file.src_uri for file in files}
    for name, path in pictures.items():
        if name not in there:
            files.append(File.generated(config, name, content=path.read_bytes()))
    return files


def fitted(page: str, text: str, pictures: dict[str, Path]) -> str:
    """The text of a page with links that lead somewhere.

    Args:
        page: its place in the site.
        text: as it stands in the repository.
        pictures: those that it shows are added here, by their place in the site.
    """
    source = PAGES[page]
    by_source = {where: name for name, where in PAGES.items()}

    def fit(link: re.Match[str]) -> str:
        bang, words, target = link.groups()
        if "://" in target or target.startswith("#"):
            return link[0]
        path, _, anchor = target.partition("#")
        where = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if where in by_source:
            place = by_source[where]
        elif where.startswith("docs/") and (ROOT / where).is_file():
            place = where.removeprefix("docs/")
        elif Path(where).suffix in _PICTURES and (ROOT / where).is_file():
            place = "pictures/" + where
            pictures[place] = ROOT / where
        else:
            return words
        near = posixpath.relpath(place, posixpath.dirname(page) or ".")
        return f"{bang}[{words}]({near}{'#' if anchor else ''}{anchor})"

    return _LINK.sub(fit, text)


def commands() -> str:
    """Every command with what its `--help` says."""
    lines = ["# Commands", "", "What `--help` says, of every command.", ""]

    def add(made: click.Command, context: click.Context, depth: int) -> None:
        lines.extend(
            [f"{'#' * min(depth, 4)} {context.command_path}", "", "```text", made.get_help(context), "```", ""]
        )
        if isinstance(made, click.Group):
            for name in made.list_commands(context):
                below = made.get_command(context, name)
                if below is not None and not below.hidden:
                    add(below, click.Context(below, info_name=name, parent=context, terminal_width=90), depth + 1)

    add(command, click.Context(command, info_name="tadmc", terminal_width=90), 2)
    return "\n".join(lines).replace("\b", "")


def python() -> str:
    """The public names, from their docstrings."""
    lines = ["# Python", "", "The public names are those of `codec.__all__`; modules are not public.", ""]
    for name in PUBLIC:
        where = f"{getattr(codec, name).__module__}.{name}"
        lines += [f"::: {where}", "    options:", "      heading_level: 2", *_members(name), ""]
    hidden = ["    options:", "      show_root_heading: false", "      show_root_toc_entry: false", ""]
    lines += ["## Errors", "", "::: codec.errors", *hidden]
    for plugin in ("pillow", "imageio"):
        lines += [f"## codec.plugins.{plugin}", "", f"::: codec.plugins.{plugin}", *hidden]
    return "\n".join(lines)


def _members(name: str) -> list[str]:
    """What is shown of a class: not what only this program's own parts call."""
    shown = {"TadmImage": "thumbnail decode save verify close", "Engine": "packages close", "Info": "", "Saved": ""}
    return [f"      members: [{', '.join(shown[name].split())}]"] if name in shown else []


def decisions() -> str:
    """A list of the pages of `docs/adr`."""
    lines = ["# Decisions", "", "What is costly to change later, and why it is as it is.", ""]
    for path in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")):
        lines.append(f"- [{path.read_text().partition(chr(10))[0].lstrip('# ')}]({path.name})")
    return "\n".join([*lines, ""])
