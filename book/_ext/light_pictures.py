"""Store the book's pictures as lossless WebP: the same pixels as in the notebooks' PNG, in less than half the bytes."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from docutils import nodes
from PIL import Image, features
from sphinx.application import Sphinx
from sphinx.transforms.post_transforms.images import BaseImageConverter


class LightPictures(BaseImageConverter):
    """Puts a WebP file in the place of each PNG, unless that would be larger."""

    # After the pictures of notebooks have found their place in the page.
    default_priority = 300

    def match(self, node: nodes.image) -> bool:
        known = node["uri"] in self.env.images
        return known and node["uri"].endswith(".png") and features.check("webp")

    def handle(self, node: nodes.image) -> None:
        source = node["uri"]
        light = Path(self.imagedir) / Path(self.env.images[source][1]).with_suffix(".webp").name
        light.parent.mkdir(parents=True, exist_ok=True)
        if is_smaller(Path(self.app.srcdir) / source, light):
            node["uri"] = str(light)
            node["candidates"] = {"*": str(light)}
            self.env.original_image_uri[str(light)] = source
            self.env.images.add_file(self.env.docname, str(light))


# A chapter's lead picture is shown three times, in two places of the chapter and on the first page.
@cache
def is_smaller(png: Path, webp: Path) -> bool:
    """Write ``webp`` with the pixels of ``png``, and say whether that saved anything."""
    with Image.open(png) as picture:
        # A picture that is opaque throughout needs no fourth number for each of its pixels.
        opaque = picture.mode != "RGBA" or picture.getextrema()[3][0] == 255
        picture.convert("RGB" if opaque else "RGBA").save(webp, "WEBP", lossless=True)
    return webp.stat().st_size < png.stat().st_size


def setup(app: Sphinx) -> dict[str, object]:
    """Work on the pages as they are written, for pages of HTML."""
    app.add_post_transform(LightPictures)
    return {"version": "1.0", "parallel_read_safe": True, "parallel_write_safe": True}
