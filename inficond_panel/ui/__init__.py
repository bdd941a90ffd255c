"""Parts that the views share: the component base, messages, theme, images and browser modules."""
