"""What a desktop has to know of `.tadm` files."""
