"""Prepare crops and train the compact model: `python tools/train.py --help`."""

from codec.training.main import main

if __name__ == "__main__":
    main()
