"""The version, in the one place that packaging, ``gradc.__version__`` and the compile cache read."""

__version__ = "0.1.0"
