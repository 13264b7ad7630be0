"""`python -m helpers.experiments`."""

from helpers.experiments import main

main()
