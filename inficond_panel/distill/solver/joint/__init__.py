"""Students that are solved together: loss and problem of the softmax, Newton, prices of bounds."""
