"""Parts that families are drawn with: layers, shapes, textures, backgrounds, poor captures."""
