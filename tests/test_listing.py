"""Protects the listings on the pages: what show_source prints is the code that runs, less its docstring."""

import ast
import functools
import importlib
import subprocess
import sys
import textwrap
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from companion import errors, listing
from companion.errors import BadInput
from companion.listing import show_module, show_source

TOY = '''
import functools


def kept(function):
    @functools.wraps(function)
    def inner(*args):
        return function(*args)
    return inner


def plain(x, scale=0.5):
    """One line.

    More.
    """

    # why the factor
    return scale * x  # half of it


def only_documented():
    """Nothing but this."""


def shared_line(): "here"; return 1


@kept
@kept
def decorated(x):
    """Doc."""
    return x


class Model:
    """What it is."""

    rate = 0.5

    def call(self, x):
        """Doc."""
        text = """first
second
        third"""
        # a comment below the string
        return f"{x}" + text

    @property
    def size(self):
        """Doc."""
        return 1

    @classmethod
    def make(cls):
        return cls()

    @staticmethod
    def add(a, b):
        return a + b

    class Inner:
        """Doc."""

        depth = 2


def outer():
    def call(self, x):
        return "another by the same name"

    return call


async def wait(x):
    """Doc."""
    return "```" + x


nameless = lambda x: x
'''


@pytest.fixture
def toy(tmp_path, monkeypatch) -> ModuleType:
    (tmp_path / "toy_module.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "toy_module", raising=False)
    importlib.invalidate_caches()
    return importlib.import_module("toy_module")


def test_a_function_is_shown_with_its_comments_and_without_its_docstring(toy):
    assert show_source(toy.plain).source == (
        "# toy_module.py\ndef plain(x, scale=0.5):\n    # why the factor\n    return scale * x  # half of it"
    )


def test_the_docstring_is_kept_on_request(toy):
    assert (
        '    """One line.\n\n    More.\n    """\n\n    # why' in show_source(toy.plain, docstring=True).source
    )


def test_what_is_shown_runs_and_gives_the_same(toy):
    for obj in (
        toy.plain,
        toy.Model,
        toy.decorated,
        toy.shared_line,
        toy.only_documented,
        toy.wait,
        toy.outer,
    ):
        for docstring in (False, True):
            names = {"kept": toy.kept}
            exec(show_source(obj, docstring=docstring).source, names)
            assert obj.__name__ in names
    names = {}
    exec(show_source(toy.Model).source, names)
    assert names["Model"]().call(1) == toy.Model().call(1)
    exec(show_source(toy.Model.call).source, names)
    assert names["call"](None, 1) == toy.Model().call(1)


def test_a_method_is_moved_to_the_left_and_its_strings_stay_as_they_are(toy):
    source = show_source(toy.Model.call).source
    assert source.splitlines()[1:4] == ["def call(self, x):", '    text = """first', "second"]
    assert "        third" in source and "    # a comment" in source


def test_a_docstring_goes_only_where_code_remains(toy):
    assert '"""Nothing but this."""' in show_source(toy.only_documented).source
    assert '"here"' in show_source(toy.shared_line).source


def test_a_class_loses_every_docstring_inside(toy):
    source = show_source(toy.Model).source
    assert '"""' not in source.replace('"""first', "").replace('third"""', "")
    assert source.startswith("# toy_module.py\nclass Model:\n    rate = 0.5")


def test_decorators_wrappers_methods_properties_and_inner_classes(toy):
    assert show_source(toy.decorated).source.startswith(
        "# toy_module.py\n@kept\n@kept\ndef decorated(x):\n    return x"
    )
    assert "return 1" in show_source(toy.Model.size).source
    assert "return cls()" in show_source(toy.Model.make).source
    assert "return a + b" in show_source(toy.Model.add).source
    assert show_source(toy.Model().call).source == show_source(toy.Model.call).source
    assert show_source(toy.Model.Inner).source.endswith("class Inner:\n    depth = 2")
    assert "another" in show_source(toy.outer()).source


def test_a_page_gets_a_fence_that_the_code_cannot_close(toy):
    bundle = show_source(toy.wait)._repr_mimebundle_()
    assert bundle["text/markdown"].startswith("````python\n# toy_module.py\nasync def wait")
    assert bundle["text/markdown"].endswith("\n````")
    assert bundle["text/plain"] == repr(show_source(toy.wait))


def test_the_packages_own_code_is_named_by_its_place_without_line_numbers():
    assert show_source(errors.check_choice).source.startswith("# companion/errors.py\ndef check_choice(")
    assert show_source(listing.Listing).source.startswith("# companion/listing.py\nclass Listing:")
    package_code = importlib.import_module("companion").__getattr__
    assert show_source(package_code).source.startswith("# companion/__init__.py\ndef __getattr__(")


def test_every_definition_of_the_module_itself_can_be_shown_and_parsed():
    for obj in vars(listing).values():
        if getattr(obj, "__module__", None) == "companion.listing":
            ast.parse(show_source(obj).source)


def test_an_edited_file_is_read_again(toy, tmp_path):
    assert "0.5" in show_source(toy.plain).source
    (tmp_path / "toy_module.py").write_text(TOY.replace("scale=0.5", "scale=0.505"))
    assert "0.505" in show_source(toy.plain).source


@pytest.mark.parametrize(
    "obj, came",
    [
        (3, "an object of type int"),
        (len, "len"),
        (np.exp, "exp"),
        (dict, "dict"),
        (np, "the module numpy"),
        (lambda x: x, "a lambda"),
        (SimpleNamespace(), "an object of type SimpleNamespace"),
        (functools.partial(print, 1), "an object of type partial"),
        (None, "an object of type NoneType"),
    ],
)
def test_what_has_no_source_is_refused_in_one_line(obj, came):
    with pytest.raises(BadInput) as caught:
        show_source(obj)
    assert str(caught.value).startswith(f"got {came}")
    assert "expected a function, class or method" in str(caught.value)
    assert "pass one" in str(caught.value) and "\n" not in str(caught.value)


def test_a_whole_module_is_shown_as_its_file_stands(toy):
    assert show_module(toy).source == "# toy_module.py\n" + TOY.rstrip("\n")
    shown = show_module(listing).source
    assert shown.startswith('# companion/listing.py\n"""The package')
    ast.parse(shown)


@pytest.mark.parametrize("obj, came", [("toy", "an object of type str"), (sys, "sys"), (len, "len")])
def test_what_is_no_module_of_python_is_refused_in_one_line(obj, came):
    with pytest.raises(BadInput) as caught:
        show_module(obj)
    assert str(caught.value).startswith(f"got {came}: expected a module written in Python; import it")


def test_code_typed_into_the_notebook_is_refused():
    here = "def typed(): pass\nfrom companion.listing import show_source\ntry:\n    show_source(typed)\n"
    here += "except ValueError as error: print(error)"
    run = subprocess.run([sys.executable, "-c", here], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("got typed, which is defined in this notebook or script")


def test_it_needs_neither_keras_nor_tensorflow():
    code = textwrap.dedent("""
        import sys, companion.listing
        print([name for name in ("keras", "tensorflow") if name in sys.modules])
    """)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
