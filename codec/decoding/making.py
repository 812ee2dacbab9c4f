"""How a picture is rebuilt, as far as it can be said beforehand."""

from __future__ import annotations

from dataclasses import replace

from codec.image.provenance import Mark
from codec.models.package import Package
from codec.options import DecodeOptions


def with_realism(package: Package, options: DecodeOptions) -> DecodeOptions:
    """Options with the realism that a package recommends where they name none."""
    if options.realism is not None:
        return options
    return replace(options, realism=package.family.default_realism(package.config))


def mark_of(package: Package, scale: int, options: DecodeOptions) -> Mark:
    """What a picture that a package rebuilds has to say of its making."""
    options = with_realism(package, options)
    assert options.realism is not None  # it has one now
    generated = package.family.generates(package.config, scale, options)
    return Mark(generated=generated, realism=options.realism, model=package.model_id(scale).hex())
