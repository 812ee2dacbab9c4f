"""What can go wrong in the bench, each with the exit code its command ends with.

BenchError            1   the run cannot go on as asked
├─ MissingError       1   a codec or metric needs a package or tool that is not here; says how to get it
├─ CodecError         1   a codec refused a picture, or its file did not decode
└─ RecordError        1   a results file is broken or has another schema
"""

from __future__ import annotations


class BenchError(Exception):
    """Base of every deliberate error of the bench."""

    exit_code = 1


class MissingError(BenchError):
    """A package or tool is not on this machine; the message says how to get it."""


class CodecError(BenchError):
    """A codec could not encode a picture, or what it wrote did not decode to the right size."""


class RecordError(BenchError):
    """A results file cannot be read, or does not follow `bench/schema.json`."""
