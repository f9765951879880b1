"""Protects the service: it answers with the model's figures, refuses what is too much, and loses nothing when full."""

import threading

import numpy as np
import pytest

from companion import export
from companion.errors import BadInput
from tests.backends.families import IMAGES, SHAPE, new_model

testclient = pytest.importorskip("fastapi.testclient", reason="needs the extra serve")


@pytest.fixture(scope="module")
def vae():
    return new_model("vae")


@pytest.fixture(scope="module")
def client(vae):
    return testclient.TestClient(export.application(vae, most_images=5, most_bytes=20_000))


def test_it_reconstructs_samples_and_scores_as_the_model_does(client, vae):
    three = {"images": IMAGES[:3].tolist()}
    answer = client.post("/reconstruct", json=three)
    assert answer.status_code == 200
    np.testing.assert_allclose(answer.json()["images"], vae.reconstruct(IMAGES[:3]), atol=2e-5)
    drawn = client.post("/sample", json={"n": 2, "seed": 1}).json()["images"]
    np.testing.assert_allclose(drawn, vae.sample(2, seed=1), atol=2e-5)
    scores = client.post("/score", json=three).json()["elbo"]
    np.testing.assert_allclose(scores, vae.elbo_terms(IMAGES[:3], vae.noise(3, 0))["elbo"], atol=1e-3)


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/reconstruct", {"images": IMAGES[:6].tolist()}, "5"),
        ("/reconstruct", {"images": []}, "1"),
        ("/reconstruct", {"images": [[[1, 2], [3]]]}, "lists of equal lengths"),
        ("/reconstruct", {"images": (IMAGES[:1] + 7).tolist()}, "expected"),
        ("/score", {"images": IMAGES[:1, :4].tolist()}, "expected"),
        ("/sample", {"n": 6}, "5"),
        ("/sample", {"n": 0}, "1"),
        ("/sample", {"n": 2, "seed": -1}, "0"),
    ],
)
def test_input_that_does_not_fit_is_refused_with_the_reason(client, path, body, says):
    answer = client.post(path, json=body)
    assert answer.status_code == 422 and says in answer.text


def test_a_large_body_is_refused_before_it_is_read(client):
    answer = client.post("/score", content=b"x" * 20_001, headers={"content-type": "application/json"})
    assert answer.status_code == 413 and "20000 bytes" in answer.text
    # Without a length nobody knows how much will come.
    answer = client.post("/score", content=iter([b"{}"]), headers={"content-type": "application/json"})
    assert answer.status_code == 413


def test_when_it_is_full_further_requests_are_told_so_and_none_is_lost():
    entered, go_on = threading.Event(), threading.Event()

    class Slow:
        def sample(self, n, seed=None):
            entered.set()
            assert go_on.wait(30)
            return np.zeros((n, *SHAPE))

    client = testclient.TestClient(export.application(Slow(), most_waiting=2))
    status = []
    ask = lambda: status.append(client.post("/sample", json={"n": 1}).status_code)  # noqa: E731
    first = threading.Thread(target=ask)
    first.start()
    assert entered.wait(30)
    others = [threading.Thread(target=ask) for _ in range(5)]
    for thread in others:
        thread.start()
    # One of the five waits in the second place, and four are refused while the first is still inside.
    for _ in range(300):
        if status.count(503) == 4:
            break
        threading.Event().wait(0.1)
    assert status == [503] * 4
    go_on.set()
    for thread in (first, *others):
        thread.join(30)
    assert sorted(status) == [200, 200, 503, 503, 503, 503]
    assert client.post("/sample", json={"n": 1}).status_code == 200


def test_limits_are_whole_numbers():
    with pytest.raises(BadInput, match="most_waiting=0"):
        export.application(None, most_waiting=0)
