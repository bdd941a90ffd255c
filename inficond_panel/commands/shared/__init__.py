"""Parts that commands share: parser and arguments, output, students that are named."""
