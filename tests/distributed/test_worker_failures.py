"""Processes that are killed or stopped, for real; trials/lost_workers.py does it in every phase."""

import json
import signal
from importlib.util import find_spec

import pytest

from open_seq2seq.cli import main
from open_seq2seq.storage import checkpoints
from tests.support.horovod_jobs import elastic, fixed, run_forked_job, run_job
from tests.support.paths import LOSING

pytestmark = [
    pytest.mark.horovod,
    pytest.mark.slow,
    pytest.mark.skipif(
        find_spec("horovod") is None,
        reason="Horovod is not installed; see scripts/install_horovod.sh",
    ),
]
N_ROWS = 144  # of the training data
N_EPOCHS = 5  # of elastic training; 18 slow steps each while one process is alone
TIMEOUT_S = 8


@pytest.fixture
def arguments(tone_dataset, tmp_path):
    flags = [f"--config_file={LOSING}", "--mode=train_eval", f"--dataset_location={tone_dataset}"]
    return [
        *flags,
        f"--logdir={tmp_path / 'run'}",
        f"--worker_timeout_s={TIMEOUT_S}",
        "--num_epochs=2",
    ]


@pytest.fixture
def losing(tmp_path):
    """Return a function that gives the environment in which a process is lost."""
    return lambda what: {"LOSE": what, "LOST_AT": str(tmp_path / "lost_at")}


def test_a_lost_process_ends_the_job_and_is_named_in_time(arguments, losing, tmp_path):
    """A stopped one, whose connection stays; trials/lost_workers.py has killed ones too."""

    def end_the_stopped_one(processes, line):  # as a launcher would
        if "rank 1" in line and " has " in line:
            processes[1].kill()

    environment = losing("allreduce 1 SIGSTOP")
    job = run_forked_job(2, main, arguments, environment=environment, disturb=end_the_stopped_one)
    assert sorted(job.statuses) == [-signal.SIGKILL, 3]
    assert "Traceback" not in job.output
    assert job.seconds_until_named("1", tmp_path / "lost_at") < TIMEOUT_S + 15


def epochs_of(row_log):
    """Return the rows of each epoch, in all processes, that were not undone by going back."""
    steps = {}
    for text in row_log.read_text().splitlines():
        line = json.loads(text)
        if "back_to" in line:
            back_to = tuple(line["back_to"])
            steps = {position: rows for position, rows in steps.items() if position < back_to}
        else:
            steps.setdefault(tuple(line["position"]), []).extend(line["rows"])
    epochs = {}
    for (epoch, _), rows in steps.items():
        epochs.setdefault(epoch, []).extend(rows)
    return epochs


@pytest.mark.long
def test_survivors_go_on_and_take_in_new_processes_and_every_row_counts_once(
    arguments, losing, tmp_path
):
    """Rank 0 is lost, so the other one becomes the chief; the lost host may come back after a few
    seconds.

    Its new process starts so slowly, as on a busy machine, that it would count as lost if it were
    there already. The one that is left takes its time, to be found at work.
    """
    row_log = tmp_path / "rows"
    flags = [f"--num_epochs={N_EPOCHS}", "--elastic_commit_steps=4", "--print_loss_steps=None"]
    environment = losing("forward 0 SIGKILL") | {
        "ROW_LOG": str(row_log),
        "LATE": f"1 {TIMEOUT_S + 2}",
        "SLOW_ALONE": "0.5",
    }
    job = run_job(
        [*arguments, *flags],
        elastic(2, tmp_path, "--blacklist-cooldown-range", "1", "2"),
        environment,
    )
    assert job.status == 0, job.output
    assert "has ended; the others continue without it" in job.output
    assert "a step was 16 clips and is 8 now" in job.output
    sizes = [
        json.loads(line)["size"] for line in row_log.read_text().splitlines() if "size" in line
    ]
    alone = sizes.index(1)
    assert 2 in sizes[:alone] and 2 in sizes[alone:]  # one was lost, and another one joined
    epochs = epochs_of(row_log)
    assert len(epochs) == N_EPOCHS
    for rows in epochs.values():
        assert sorted(rows) == list(range(N_ROWS))
    assert (
        checkpoints.load_newest(tmp_path / "run" / "checkpoints").progress.epochs_done == N_EPOCHS
    )


@pytest.mark.parametrize("whom", [pytest.param("launcher", marks=pytest.mark.long), "one of them"])
def test_a_signal_stops_all_processes_after_the_same_step_and_is_quick(whom, arguments, tmp_path):
    arguments = [*arguments, "--num_epochs=500", "--print_loss_steps=20"]

    def stop(launcher, line):
        if "step 20 of" in line:
            launcher.send_signal(signal.SIGTERM)

    def stop_one(processes, line):
        if "step 20 of" in line:
            processes[1].terminate()

    if whom == "launcher":
        job = run_job(arguments, fixed(2), disturb=stop)
        assert job.status != 0
    else:
        job = run_forked_job(2, main, arguments, disturb=stop_one)
        assert job.statuses == (128 + signal.SIGTERM, 128 + signal.SIGTERM)
    stopped = job.time_of(r"stopped after step \d+; the checkpoint is saved")
    assert stopped and job.ended - job.time_of("step 20 of") < 10
    assert checkpoints.load_newest(tmp_path / "run" / "checkpoints").step < 60
    assert "has ended" not in job.output  # nobody is taken for lost
