"""``python -m prismrec``: the command line."""

from prismrec.cli import main

main()
