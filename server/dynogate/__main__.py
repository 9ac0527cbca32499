"""``python -m dynogate``: the same as the ``dynogate`` command."""

from dynogate.cli import main

if __name__ == "__main__":
    main()
