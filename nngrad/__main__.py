"""`python -m nngrad` is `nngrad`."""

from nngrad.cli import main

if __name__ == "__main__":
    main()
