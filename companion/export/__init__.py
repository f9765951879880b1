"""A trained VAE for other engines, and as a service: files of its four parts, and FastAPI. Chapter 15."""

from companion.export.files import FORMATS, format_of, load_part, save_part
from companion.export.parts import PARTS, Part, as_part
from companion.export.service import application, serve

__all__ = [
    "FORMATS",
    "PARTS",
    "Part",
    "application",
    "as_part",
    "format_of",
    "load_part",
    "save_part",
    "serve",
]
