"""Knowledge points: the information of each pixel that a feature keeps."""
