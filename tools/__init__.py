"""Tools for the authors of the series: the build of the notebooks."""
