"""Protects labels of which most are missing: what counts as one, which are kept, and what is said about others."""

import numpy as np
import pytest

from companion.errors import BadInput
from companion.semi_supervised import NO_LABEL, check_partial_labels, keep_labels, repeat_labelled

MANY = np.arange(60) % 3


def test_classes_and_minus_one_are_labels():
    given = np.array([2, -1, 0], "int64")
    checked = check_partial_labels(given, 3)
    assert checked.dtype == "int32"
    np.testing.assert_array_equal(checked, given)
    np.testing.assert_array_equal(check_partial_labels([1, 0], 2), [1, 0])
    np.testing.assert_array_equal(check_partial_labels(np.array([1], "uint8"), 2), [1])


# name: (labels for three classes, what came, what to do)
WRONG = {
    "none": (None, "labels are missing", "pass one per image"),
    "nan": ([0.0, np.nan], "dtype float64", "pass np.nan_to_num(labels, nan=-1).astype('int64')"),
    "floats": ([0.0, 1.0], "dtype float64", "pass labels.astype('int64')"),
    "halves": ([0.5, 1.0], "dtype float64", "np.unique(labels, return_inverse=True)"),
    "infinite": ([np.inf, 1.0], "dtype float64", "pass"),
    "words": (["cat", "dog"], "dtype <U3", "np.unique(labels, return_inverse=True)"),
    "one-hot": (np.eye(3), "shape (3, 3)", "pass np.argmax(labels, axis=1), with -1 where"),
    "column": (np.zeros((4, 1), int), "shape (4, 1)", "pass np.ravel(labels)"),
    "two columns": (np.zeros((4, 2), int), "shape (4, 2)", "pass one per image"),
    "empty": (np.zeros(0, int), "shape (0,)", "pass one per image"),
    "one": (np.array(1), "shape ()", "pass one per image"),
    "from one": ([1, 2, 3, -1], "labels run from -1 to 3", "pass np.where(labels > 0, labels - 1, -1)"),
    "too many": ([0, 5], "labels run from 0 to 5", "build the model with num_classes=6"),
    "below": ([0, -2], "labels run from -2 to 0", "pass np.where(labels < 0, -1, labels)"),
}


@pytest.mark.parametrize("name", WRONG)
def test_other_labels_are_refused_with_what_to_do(name):
    labels, came, advice = WRONG[name]
    with pytest.raises(BadInput) as error:
        check_partial_labels(labels, 3)
    for part in (came, "expected (n,) whole numbers from 0 to 2, and -1 where an image has no label", advice):
        assert part in str(error.value)


@pytest.mark.parametrize("name", ["nan", "floats", "one-hot", "column", "from one", "below"])
def test_the_advice_mends_what_came(name):
    labels, _, advice = WRONG[name]
    call = advice.removeprefix("pass ").removesuffix(", with -1 where")
    mended = eval(call, {"np": np, "labels": np.asarray(labels)})
    check_partial_labels(mended, 3)


def test_as_many_of_each_class_are_kept_and_the_seed_chooses():
    kept = keep_labels(MANY, 4, seed=1)
    known = kept != NO_LABEL
    np.testing.assert_array_equal(np.bincount(kept[known]), [4, 4, 4])
    np.testing.assert_array_equal(kept[known], MANY[known])
    np.testing.assert_array_equal(kept, keep_labels(MANY, 4, seed=1))
    assert not np.array_equal(kept, keep_labels(MANY, 4, seed=2))
    np.testing.assert_array_equal(keep_labels(MANY, 20), MANY)
    some = keep_labels(kept, 2)
    assert (some[~known] == NO_LABEL).all() and np.sum(some != NO_LABEL) == 6


@pytest.mark.parametrize(
    ("labels", "per_class", "said"),
    [
        (MANY, 21, "per_class=21 with 20 images of class 0: .* pass per_class=20 or less"),
        (MANY, 0, "per_class=0: expected a whole number"),
        (MANY.astype(float), 2, r"labels have shape \(60,\) and dtype float64"),
        (np.eye(3), 1, r"labels have shape \(3, 3\)"),
        (np.zeros(0, int), 1, r"labels have shape \(0,\)"),
    ],
)
def test_what_cannot_be_kept_is_refused(labels, per_class, said):
    with pytest.raises(BadInput, match=said):
        keep_labels(labels, per_class)


def test_labelled_images_are_repeated_and_others_are_not():
    images = np.arange(5.0)[:, None]
    repeated, labels = repeat_labelled(images, [-1, 1, -1, 0, -1], 3)
    np.testing.assert_array_equal(repeated[:, 0], [0, 1, 1, 1, 2, 3, 3, 3, 4])
    np.testing.assert_array_equal(labels, [-1, 1, 1, 1, -1, 0, 0, 0, -1])
    np.testing.assert_array_equal(repeat_labelled(images, [0] * 5, 1)[0], images)


@pytest.mark.parametrize(
    ("labels", "times", "said"),
    [
        ([-1] * 5, 2, "all 5 labels are -1: expected at least one image with a label"),
        ([0, 1], 2, "5 images and 2 labels: expected one each"),
        ([0.0] * 5, 2, "labels have dtype float64"),
        ([0] * 5, 0, "times=0: expected a whole number of at least 1"),
    ],
)
def test_what_cannot_be_repeated_is_refused(labels, times, said):
    with pytest.raises(BadInput, match=said):
        repeat_labelled(np.zeros((5, 2)), labels, times)
