"""GAN experiments: every classic method under one command line, trained and measured alike."""

__version__ = "0.1.0"
