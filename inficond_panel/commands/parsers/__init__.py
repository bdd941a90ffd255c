"""The parsers of the commands: light modules, so that ``--help`` loads nothing."""
