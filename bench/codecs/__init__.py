"""Codecs under one interface, an adapter a file; `registry` makes one from its name."""
