"""Very many pictures: encode or decode folders, shards and lists of addresses, on one machine or on many."""
