"""`python -m codec` is `tadmc`."""

from codec.cli import main

if __name__ == "__main__":
    main(prog_name="tadmc")
