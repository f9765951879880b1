"""A trained VAE behind HTTP: reconstruct, sample and score, with limits on what comes in. Chapter 15."""

from pathlib import Path
from threading import BoundedSemaphore, Lock
from typing import Any

import numpy as np

from companion.errors import BadInput, check_whole_number


def application(
    model: Any, *, most_images: int = 64, most_waiting: int = 8, most_bytes: int = 4_000_000
) -> Any:
    """A FastAPI application that answers ``POST /reconstruct``, ``/sample`` and ``/score`` in JSON.

    ``{"images": [...]}`` with at most ``most_images`` images in [0, 1]; ``{"n": 4, "seed": 0}`` for samples. Answers
    are ``{"images": [...]}`` and ``{"elbo": [...]}``, in nats per image. Refused are bodies above ``most_bytes`` (413),
    input that does not fit (422, with the reason), and, when ``most_waiting`` requests are inside, any further (503).
    Raises :class:`~companion.errors.BadInput` for limits below 1, ImportError without FastAPI. Taught in chapter 15.
    """
    from fastapi import Body, FastAPI, HTTPException
    from fastapi.responses import JSONResponse

    most = check_whole_number("most_images", most_images)
    places = BoundedSemaphore(check_whole_number("most_waiting", most_waiting))
    app, one_at_a_time = FastAPI(title="A variational autoencoder"), Lock()

    def answer(name: str, compute: Any) -> dict[str, Any]:
        if not places.acquire(blocking=False):
            raise HTTPException(503, "busy: try again in a second", {"Retry-After": "1"})
        try:
            with one_at_a_time:
                return {name: np.asarray(compute()).round(5).tolist()}
        except BadInput as error:
            raise HTTPException(422, str(error)) from error
        finally:
            places.release()

    @app.middleware("http")
    async def refuse_large_bodies(request: Any, go_on: Any) -> Any:
        length = request.headers.get("content-length", "")
        if request.method == "POST" and not (length.isdigit() and int(length) <= most_bytes):
            return JSONResponse({"detail": f"expected a body of at most {most_bytes} bytes"}, 413)
        return await go_on(request)

    many = Body(embed=True, min_length=1, max_length=most)

    @app.post("/reconstruct")
    def reconstruct(images: list = many) -> dict[str, Any]:
        return answer("images", lambda: model.reconstruct(as_images(images)))

    @app.post("/sample")
    def sample(
        n: int = Body(embed=True, ge=1, le=most), seed: int | None = Body(None, ge=0)
    ) -> dict[str, Any]:
        return answer("images", lambda: model.sample(n, seed=seed))

    @app.post("/score")
    def score(images: list = many, seed: int = Body(0, ge=0)) -> dict[str, Any]:
        def terms() -> Any:
            x = as_images(images)
            return model.elbo_terms(x, model.noise(len(x), seed))["elbo"]

        return answer("elbo", terms)

    return app


def as_images(images: list) -> np.ndarray:
    """Nested lists from JSON as an array, float32. Raises :class:`~companion.errors.BadInput` for other things."""
    try:
        return np.asarray(images, "float32")
    except (TypeError, ValueError) as error:
        raise BadInput(
            "images are no array of numbers: expected lists of equal lengths, images[i][row][column][channel]; send "
            "x.tolist()."
        ) from error


def serve(path: Path | str, *, host: str = "127.0.0.1", port: int = 8000, **limits: int) -> None:
    """Serve the model saved in the ``.keras`` file ``path`` until stopped, with the ``limits`` of :func:`application`.

    Only this machine can reach it unless ``host`` says otherwise; it asks for no password.
    """
    import uvicorn

    import companion

    uvicorn.run(application(companion.load(path), **limits), host=host, port=port, log_level="warning")
