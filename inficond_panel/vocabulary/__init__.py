"""Words and keys that page, commands and files share: metrics, directions of a thumb, colours."""
