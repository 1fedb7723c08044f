import sys

from webpbx.cli import main

if __name__ == "__main__":
    sys.exit(main())
