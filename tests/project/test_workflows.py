"""Protects the workflows of the public host: actions pinned by commit, least permissions, and what each one does."""

import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(path.name for path in FOLDER.glob("*"))
PINNED = re.compile(r"uses: [\w-]+/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")
READ = {"contents": "read"}
# The only jobs that may write anything, and what.
MAY_WRITE = {
    ("publish.yml", "deploy"): {"pages": "write", "id-token": "write"},
    ("colab.yml", "report"): {"issues": "write"},
}


class PlainLoader(yaml.SafeLoader):
    """YAML 1.2's booleans, so that the key `on` stays a word."""


PlainLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:bool"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def workflow(name: str) -> dict:
    return yaml.load((FOLDER / name).read_text(encoding="utf-8"), Loader=PlainLoader)


def jobs() -> list[tuple[str, str, dict]]:
    return [(name, job, content) for name in FILES for job, content in workflow(name)["jobs"].items()]


def commands(name: str) -> str:
    """All that the workflow runs in a shell."""
    return "\n".join(step.get("run", "") for job in workflow(name)["jobs"].values() for step in job["steps"])


def faults_of_pins(text: str) -> list[str]:
    """The lines that use an action otherwise than by its full commit, with its version beside it."""
    used = [line.strip().removeprefix("- ") for line in text.splitlines() if re.match(r"\s*(- )?uses:", line)]
    return [line for line in used if not PINNED.fullmatch(line)]


def test_there_are_three():
    assert FILES == ["colab.yml", "publish.yml", "test.yml"]


@pytest.mark.parametrize("name", FILES)
def test_actions_are_pinned_by_commit(name):
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert "uses:" in text
    assert faults_of_pins(text) == []


@pytest.mark.parametrize(
    "line",
    [
        "uses: actions/checkout@v5",
        "uses: actions/checkout@08c6903 # v5.0.0",
        "- uses: actions/checkout@08c6903cd8c0fde910a37f88322edcfb5dd907a8",
        "uses: docker://alpine:3",
    ],
)
def test_a_tag_is_no_pin(line):
    assert faults_of_pins(f"steps:\n  {line}\n") == [line.removeprefix("- ")]


def test_one_action_has_one_commit():
    everything = "".join((FOLDER / name).read_text(encoding="utf-8") for name in FILES)
    pins = set(re.findall(r"uses: (\S+)@(\w+)", everything))
    assert len(pins) == len({action for action, _ in pins})


@pytest.mark.parametrize("name", FILES)
def test_nothing_runs_with_the_rights_of_the_repository_on_strangers_code(name):
    content = workflow(name)
    assert content["permissions"] == READ
    assert "pull_request_target" not in content["on"] and "workflow_run" not in content["on"]
    assert "secrets." not in (FOLDER / name).read_text(encoding="utf-8")
    assert content["concurrency"]["group"]


@pytest.mark.parametrize("name, job, content", jobs(), ids=[f"{name}: {job}" for name, job, _ in jobs()])
def test_a_job_has_a_limit_and_no_more_rights_than_it_needs(name, job, content):
    assert int(content["timeout-minutes"]) <= 120
    assert content.get("permissions", READ) == MAY_WRITE.get((name, job), READ)
    for step in content["steps"]:
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


@pytest.mark.parametrize("name, job, content", jobs(), ids=[f"{name}: {job}" for name, job, _ in jobs()])
def test_no_command_holds_text_that_others_can_write(name, job, content):
    for step in content["steps"]:
        assert "${{" not in step.get("run", ""), "expressions reach a command through env"


def test_what_is_downloaded_is_kept_by_the_lock():
    keys = [
        step["with"]["key"]
        for _, _, content in jobs()
        for step in content["steps"]
        if step.get("uses", "").startswith("actions/cache@")
    ]
    assert len(keys) == 3 and all("hashFiles('requirements.txt'" in key for key in keys)


def test_every_push_is_tested_as_anywhere_else():
    assert "push" in workflow("test.yml")["on"]
    assert ".ci/run" in commands("test.yml") and "make lint" in commands("test.yml")


def test_only_main_is_published_and_a_pull_request_gets_a_preview():
    content = workflow("publish.yml")
    steps = content["jobs"]["build"]["steps"]
    assert "touch _build/html/.nojekyll" in commands("publish.yml")
    (preview,) = [step for step in steps if step.get("with", {}).get("name") == "preview"]
    assert preview["if"] == "github.event_name == 'pull_request'"
    (pages,) = [step for step in steps if "upload-pages-artifact" in step.get("uses", "")]
    for step in (preview, pages):
        # Without it, .nojekyll is left out.
        assert step["with"]["include-hidden-files"] == "true"
    assert content["jobs"]["deploy"]["if"] == pages["if"]
    assert "github.ref == 'refs/heads/main'" in pages["if"] and "!= 'pull_request'" in pages["if"]
    (book,) = [step for step in steps if step.get("run") == "make book"]
    assert "vars.BASE_URL" in book["env"]["BASE_URL"]


def test_every_week_the_chapters_run_in_colab_s_image_and_a_failure_opens_one_issue():
    content = workflow("colab.yml")
    (schedule,) = content["on"]["schedule"]
    assert re.fullmatch(r"\d+ \d+ \* \* [0-6]", schedule["cron"])
    assert content["env"]["IMAGE"].startswith("us-docker.pkg.dev/colab-images/public/")
    assert "make wheel" in commands("colab.yml")
    assert "tools.colab --here --wheel dist/*.whl" in commands("colab.yml")
    report = content["jobs"]["report"]
    assert report["needs"] == "chapters" and "!= 'success'" in report["if"]
    run = report["steps"][0]["run"]
    assert run.index("gh issue list --state open") < run.index("-eq 0") < run.index("gh issue create")


def test_commands_of_the_makefile_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = {
        target for name in FILES for target in re.findall(r"\bmake ([a-z-]+)$", commands(name), re.MULTILINE)
    }
    assert named == {"lint", "book", "wheel"}
    assert named <= targets
