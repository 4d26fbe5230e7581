"""`python -m brrt` is `brrt`."""

from brrt.cli import main

if __name__ == "__main__":
    main()
