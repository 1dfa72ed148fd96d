"""`python -m gateway.cli` is `isnad`."""

from gateway.cli import main

main()
