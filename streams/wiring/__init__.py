"""The composition root: builds each process's parts from settings, one file per part."""
