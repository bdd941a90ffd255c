"""Student knowledge view: the concepts of one student, and the batch of thumbs."""
