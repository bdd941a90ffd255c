"""Small parts that several views show: cards of metrics, menus, files to save."""
