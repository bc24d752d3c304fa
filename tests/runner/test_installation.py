"""When an environment counts as complete."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner import installation

VERSION = "3.13"


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout whose runtime requirements are installed."""
    monkeypatch.chdir(tmp_path)
    for lock in installation.LOCKS["dev"]:
        (tmp_path / lock).write_text(f"{lock}==1\n")
    (tmp_path / ".venv").mkdir()
    installation.stamp_file("runtime").write_text(installation.wanted_stamp("runtime", VERSION))
    return tmp_path


def test_an_installed_environment_is_left_alone() -> None:
    assert installation.is_installed("runtime", VERSION)


def test_the_development_requirements_are_installed_only_when_they_are_wanted() -> None:
    assert not installation.is_installed("dev", VERSION)


def test_a_changed_lock_file_is_installed_anew(installed: Path) -> None:
    (installed / "requirements.txt").write_text("other==2\n")
    assert not installation.is_installed("runtime", VERSION)


def test_another_python_gets_its_own_installation() -> None:
    assert not installation.is_installed("runtime", "3.14")


def test_an_installation_that_was_cut_off_does_not_count() -> None:
    installation.MARKER.touch()
    assert not installation.is_installed("runtime", VERSION)


def test_a_moved_environment_is_noticed(installed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moved = installed.with_name("moved")
    installed.rename(moved)
    monkeypatch.chdir(moved)
    assert not installation.was_made_here()
    assert not installation.is_installed("runtime", VERSION)


def test_an_environment_whose_python_does_not_run_has_no_version(installed: Path) -> None:
    (installed / ".venv" / "bin").mkdir()
    (installed / ".venv" / "bin" / "python").symlink_to("/nowhere/python3")
    assert installation.environment_version() == ""
