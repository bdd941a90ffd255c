"""Code that commands share: parser, arguments, output, and opening of students."""
