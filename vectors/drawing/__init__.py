"""What families are drawn with: layers, shapes, textures, grounds, poor captures."""
