"""The command line: help, lazy imports, errors in one line."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from backend import cli
from backend.protocol.errors import DoppelError
from rigging.body_parameters import BodyParameterError

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments, **options):
    return subprocess.run(
        [sys.executable, "-m", "backend.cli", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        **options,
    )


@pytest.fixture
def command(monkeypatch):
    """Makes `doppel worker` raise what it is given."""

    def install(error):
        def fail(args):
            raise error

        module = SimpleNamespace(add_parser=lambda subparsers: subparsers.add_parser("worker"), run=fail)
        monkeypatch.setattr(cli.importlib, "import_module", lambda name: module)

    return install


def test_the_help_names_the_commands_and_imports_nothing_heavy():
    code = "import sys; sys.argv = ['doppel', '--help']\nfrom backend.cli import main\ntry: main()\nfinally: "
    code += "print(sorted({'torch', 'diffusers', 'transformers', 'scipy', 'zmq'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0, result.stderr
    assert "worker" in result.stdout and "doctor" in result.stdout
    assert result.stdout.rstrip().endswith("[]")


def test_every_command_is_there():
    missing = [name for name in cli.COMMANDS if not (ROOT / "backend" / "commands" / f"{name}.py").is_file()]
    assert missing == []


def test_only_the_named_command_is_imported():
    code = "import sys; from backend.cli import main\ntry: main(['worker', '--help'])\nexcept SystemExit: pass\n"
    code += "print([f'backend.commands.{name}' in sys.modules for name in ('worker', 'doctor')], file=sys.stderr)"
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert result.stderr.strip() == "[True, False]"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (DoppelError("x", "no weights here", "install them"), "doppel: error: no weights here (install them)\n"),
        (BodyParameterError("betas must have\n10 numbers"), "doppel: error: betas must have 10 numbers\n"),
    ],
)
def test_errors_for_users_are_one_line_and_status_two(command, capsys, error, line):
    command(error)
    assert cli.main(["worker"]) == 2
    assert capsys.readouterr().err == line


def test_an_interrupt_is_status_130(command, capsys):
    command(KeyboardInterrupt())
    assert cli.main(["worker"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyError("a bug")])
def test_bugs_are_not_hidden(command, error):
    command(error)
    with pytest.raises(type(error)):
        cli.main(["worker"])


@pytest.mark.parametrize("arguments", [["nonsense"], [], ["worker", "--port", "x"], ["worker", "--device", "tpu"]])
def test_usage_errors_are_status_two(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        cli.main(arguments)
    assert caught.value.code == 2 and "usage: doppel" in capsys.readouterr().err


def test_a_worker_without_weights_says_so_on_both_outputs(tmp_path):
    result = run("worker", "--state", str(tmp_path / "state"), "--weights", str(tmp_path))
    assert result.returncode == 2
    assert '"code": "weights_missing"' in result.stdout
    assert result.stderr.startswith("doppel: error: ") and result.stderr.count("\n") == 1
