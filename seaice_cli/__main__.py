"""Let `python -m seaice_cli` be `seaice`."""

from seaice_cli.cli.main import main

if __name__ == "__main__":
    main()
