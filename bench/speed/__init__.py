"""Time and memory of encoding and decoding by image size, each measured in a process of its own."""
