"""A picture of any shape -> a square with all of it in."""

from PIL import Image

Colour = tuple[int, int, int]


def padded(picture: Image.Image, colour: Colour) -> Image.Image:
    """Put a picture in the middle of a square as long as its longer side.

    CLIP's own processor crops the middle square: two thirds of a 3:1 panorama would never be looked at. What
    was measured against what: docs/decisions/whole-pictures-for-clip.md.

    Args:
        picture: RGB.
        colour: What the rest of the square is filled with, 0 to 255 each.
    """
    if picture.width == picture.height:
        return picture
    side = max(picture.size)
    square = Image.new("RGB", (side, side), colour)
    square.paste(picture, ((side - picture.width) // 2, (side - picture.height) // 2))
    return square
