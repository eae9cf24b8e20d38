"""What a trained network says of images without labels: files, folders, arrays."""
