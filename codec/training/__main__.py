"""`python -m codec.training`."""

from codec.training.cli import main

if __name__ == "__main__":
    main()
