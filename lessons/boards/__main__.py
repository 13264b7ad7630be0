"""`python -m lessons.boards`."""

from lessons.boards import main

if __name__ == "__main__":
    main()
