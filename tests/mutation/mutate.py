"""mutate.sh [--count N] [--skip N] [--seed N] [--file PATH]... [--jobs N] [--list]: small mistakes in the core, and whether the
tests notice.

A mistake is one token or one statement of one file: a comparison flipped or off by one, a constant or a number swapped,
`&&` for `||`, a condition negated, a statement dropped. The seed shuffles all that can be made, and the first N (500)
are tried that compile, and not to what was there before. For each one object is compiled and the programs that hold it
are linked anew; then the room's own suite runs, other suites that use it, the simulator, and at last, when a statement
was dropped, the room's suite under the sanitizers, until something fails or does not end. The builds stay in
build/mutate.

A mistake that nothing notices is printed as a diff. Those in tests/mutation/accepted.txt stand there with the reason
why no test can or need notice them; they are not tried, and count as not noticed. The script ends with 1 when others are
left, or when less than 90 % were noticed.

  --skip N      the first N that could be tried are left out: to go on where a run was cut off
  --file PATH   only this file's mistakes, all of them unless --count says otherwise
  --list        what could be tried, and ends
"""

import argparse
import collections
import concurrent.futures
import hashlib
import json
import os
import re
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from mistakes import changed, find_mistakes

ACCEPTED = Path(__file__).resolve().parent / "accepted.txt"
ROOT = Path(__file__).resolve().parents[2]  # mutate.sh hands over a copy: whoever edits meanwhile disturbs nothing
NOTICED_MIN_PERCENT = 90
CORE = {
    "base": "arena array buffer clock database file json status text uuid",
    "domain": "codec event list money notification order payment plain refusal reservation stock contracts/contract",
    "eventstore": "digest doorbell lines recorded_event seal sqlite_backup sqlite_checksum sqlite_commit sqlite_consumers"
    " sqlite_decisions sqlite_load sqlite_names sqlite_read sqlite_rows sqlite_schema sqlite_snapshots sqlite_store"
    " sqlite_streams sqlite_verify store_id writer_queue",
    "services": "batch breaker dead_letters discards folding inventory notification order outlook payment policy runtime",
    "projections": "drafts fold generation inbox journeys orders projector rebuild rows sales stock view view_file",
}
# Whoever is likely to notice comes first, whoever takes long comes last.
JUDGES = {
    "base": "base domain services simulate",
    "domain": "domain sagas services simulate",
    "eventstore": "eventstore services simulate simulation eventstore_slow simulation_slow",
    "services": "services sagas simulate simulation simulation_slow",
    "projections": "projections simulate simulation projections_slow simulation_slow",
}
SLOW = {
    "eventstore": "sqlite/verify_finds_every_*|process/*|*/*killed*|*/*while_another_process_writes",
    "projections": "projector/takes_a_long_roll_*|view/a_reader_that_stays_*|views/stay_right_*",
    "services": "gateway*/*",  # the bank is no part of the core
    "simulation": "every_failure/*",
}
SIMULATE = ["--runs", "20", "--orders", "50", "--stop", "--no-shrink"]
SANITIZERS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer"
BUILDS = {"plain": "-O2", "sanitized": f"-O1 {SANITIZERS}"}
COMPLAINT = re.compile(rb"(Address|Leak)Sanitizer|runtime error:")
PATIENCE_S, PATIENCE_FACTOR = 60, 10
CPU_MAX_S = {"plain": 20, "sanitized": 60}  # of one test: the longest takes half of it
MEMORY_MAX_BYTES, FILE_MAX_BYTES = 8 << 30, 1 << 30

running = set()
running_lock = threading.Lock()


def program(judge):
    return "till-simulate" if judge == "simulate" else f"{judge.removesuffix('_slow')}_tests"


def arguments(judge):
    if judge == "simulate":
        return SIMULATE
    suite = judge.removesuffix("_slow")
    if suite not in SLOW:
        return ["--fail-fast"]
    return ["--fail-fast", "--filter", f"{'!' if suite == judge else '@'}({SLOW[suite]})"]


def first_failure(output):
    """The name of the test, or the simulator's seed."""
    match = re.search(rb"\[FAIL\] (\w+::\w+)|(?:The test|test) `([\w:]+)` crashed|(seed \d+)", output)
    return next(filter(None, match.groups())).decode() if match else "its end"


def core_files():
    return [f"{room}/{name}.c" for room, names in CORE.items() for name in names.split()]


def read_accepted():
    """{(path, was, now)}: entries of a path, a line with -, one with + and one or more with the reason."""
    accepted = set()
    for entry in re.sub(r"^#.*\n", "", ACCEPTED.read_text(), flags=re.M).split("\n\n"):
        lines = entry.strip().split("\n")
        if lines == [""]:
            continue
        if len(lines) < 4 or lines[1][:2] != "- " or lines[2][:2] != "+ ":
            sys.exit(f"mutate: {ACCEPTED.name} needs a path, a line with -, one with + and a reason: {lines[0]}")
        accepted.add((lines[0], lines[1][2:], lines[2][2:]))
    return accepted


def all_mistakes(files, seed):
    """Shuffled; a change elsewhere in the tree leaves the order of the others as it is."""
    found = [(path, mistake) for path in files for mistake in find_mistakes((ROOT / path).read_text())]

    def shuffled(candidate):
        path, mistake = candidate
        return hashlib.sha256(f"{seed} {path} {mistake.was} {mistake.now}".encode()).digest(), mistake.line

    return sorted(found, key=shuffled)


class Build:
    """One configured tree. Objects and programs with a mistake go to a folder of their own and leave it as it is."""

    def __init__(self, kind, suites):
        self.kind, self.folder = kind, ROOT.parent / kind
        flags = ["-DCMAKE_BUILD_TYPE=None", f"-DCMAKE_C_FLAGS={BUILDS[kind]} -w", "--log-level=WARNING"]
        run = {"check": True, "stdout": subprocess.DEVNULL}
        subprocess.run(["cmake", "-G", "Unix Makefiles", "-S", ROOT, "-B", self.folder, *flags], **run)
        targets = [word for suite in suites for word in ("--target", program(suite))]
        subprocess.run(["cmake", "--build", self.folder, "-j", str(os.cpu_count()), *targets], **run)
        commands = json.loads((self.folder / "compile_commands.json").read_text())
        own = [each for each in commands if "-DTILL_MUTANT" not in each["command"]]  # not those of till-mutant
        self.commands = {os.path.relpath(each["file"], ROOT): shlex.split(each["command"]) for each in own}
        self.seconds = {}
        self.original = {}

    def compile(self, path, source, place):
        """The object of `source` as if it stood at `path`, or None: where it stands is the same for each, so that equal
        code makes equal objects."""
        file, made = place / path, place / (Path(path).name + ".o")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(source)
        command = self.commands[path]
        command = command[: command.index("-o")] + ["-o", made, "-c", path]
        done = subprocess.run(command, cwd=place, stderr=subprocess.DEVNULL)
        return made if done.returncode == 0 else None

    def is_original(self, path, made, place):
        if path not in self.original:
            mine = made.read_bytes()
            self.original[path] = self.compile(path, (ROOT / path).read_text(), place).read_bytes()
            made.write_bytes(mine)
        return made.read_bytes() == self.original[path]

    def library(self, room, made, place):
        shutil.copy(self.folder / f"lib{room}.a", place)
        subprocess.run(["ar", "r", place / f"lib{room}.a", made], check=True)

    def link(self, room, suite, place):
        folder = self.folder / "tests"
        command = shlex.split((folder / f"CMakeFiles/{program(suite)}.dir/link.txt").read_text())
        command[command.index("-o") + 1] = place / program(suite)
        command[command.index(f"../lib{room}.a")] = place / f"lib{room}.a"
        subprocess.run(command, cwd=folder, check=True)
        return place / program(suite)

    def judge(self, executable, suite, place):
        """(what was wrong, output); None when all is well."""
        limit_s = PATIENCE_S + PATIENCE_FACTOR * self.seconds.get(suite, PATIENCE_S)
        status, output = run_limited([executable, *arguments(suite)], place, limit_s, self.kind)
        if status is None:
            return f"{suite}, no end", output
        if status != 0 or COMPLAINT.search(output):
            return f"{suite if self.kind == 'plain' else 'sanitizers'}, {first_failure(output)}", output
        return None, output

    def measure(self, suite, place):
        started = time.monotonic()
        wrong, output = self.judge(self.folder / "tests" / program(suite), suite, place)
        if wrong:
            sys.stderr.buffer.write(output)
            raise SystemExit(f"mutate: without any mistake: {wrong} fails")
        self.seconds[suite] = time.monotonic() - started


def new_folder(parent):
    folder = Path(tempfile.mkdtemp(dir=parent))
    folder.chmod(0o711)  # some tests go on as another user
    return folder


def run_limited(command, place, limit_s, kind):
    """(status, output); the status is None when the time was over. Nothing that it started outlives it."""
    scratch = new_folder(place)
    limits = [f"--fsize={FILE_MAX_BYTES}", f"--cpu={CPU_MAX_S[kind]}", "--core=0"]
    if kind == "plain":  # a sanitizer maps terabytes, and touches few
        limits.append(f"--as={MEMORY_MAX_BYTES}")
    environment = os.environ | {"TMPDIR": str(scratch)}
    process = subprocess.Popen(
        ["prlimit", *limits, "--", *command],
        cwd=scratch,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    with running_lock:
        running.add(process.pid)
    try:
        output = process.communicate(timeout=limit_s)[0]
        return process.returncode, output
    except subprocess.TimeoutExpired:
        return None, b""
    finally:
        end_session(process.pid)
        process.wait()
        process.stdout.close()
        with running_lock:
            running.discard(process.pid)
        shutil.rmtree(scratch, ignore_errors=True)


def members(session):
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # ended meanwhile
        if int(after_name[3]) == session and after_name[0] != "Z":
            yield int(stat.parent.name)


def end_session(session):
    """Not by its group: each test is given one of its own."""
    while left := list(members(session)):
        for process in left:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                pass


class Trial:
    """What became of one mistake: `by` is who noticed it, or why it does not count."""

    def __init__(self, path, mistake):
        self.path, self.mistake = path, mistake
        self.room = path.split("/")[0]
        self.outcome, self.by, self.seconds = "", "", 0.0

    def key(self):
        return self.path, self.mistake.was, self.mistake.now

    def counts(self):
        return self.outcome in ("noticed", "NOT NOTICED", "accepted")

    def run(self, builds, accepted, work):
        started = time.monotonic()
        if self.key() in accepted:
            self.outcome = "accepted"
        else:
            place = new_folder(work)
            self.outcome, self.by = self.try_builds(builds, place)
            shutil.rmtree(place)
        self.seconds = time.monotonic() - started
        return self

    def try_builds(self, builds, place):
        source = changed((ROOT / self.path).read_text(), self.mistake.edits)
        # Only a sanitizer sees memory that is not given back.
        for build in builds if self.mistake.what == "dropped" else builds[:1]:
            made = build.compile(self.path, source, place)
            if made is None:
                return "not C", ""
            if build.kind == "plain" and build.is_original(self.path, made, place):
                return "same code", ""
            build.library(self.room, made, place)
            suites = JUDGES[self.room].split()
            for suite in suites if build.kind == "plain" else suites[:1]:
                wrong, _ = build.judge(build.link(self.room, suite, place), suite, place)
                if wrong:
                    return "noticed", wrong
        return "NOT NOTICED", ""

    def print(self):
        by = f" by {self.by}" if self.by else ""
        print(f"{self.path}:{self.mistake.line}  {self.mistake.what}  {self.outcome}{by}  {self.seconds:.1f} s")
        if self.outcome == "NOT NOTICED":
            print(f"    - {self.mistake.was}\n    + {self.mistake.now}")
        sys.stdout.flush()


def try_all(candidates, wanted, builds, accepted, jobs, work):
    """Tries candidates in their order until `wanted` of them count."""
    trials, counted = [], 0
    waiting = iter(candidates)
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        started = set()
        while True:
            while len(started) < jobs and counted + len(started) < wanted:
                candidate = next(waiting, None)
                if candidate is None:
                    break
                started.add(pool.submit(Trial(*candidate).run, builds, accepted, work))
            if not started:
                return trials
            done, started = concurrent.futures.wait(started, return_when="FIRST_COMPLETED")
            for trial in (each.result() for each in done):
                trials.append(trial)
                counted += trial.counts()
                trial.print()


def print_table(trials):
    columns = ("noticed", "accepted", "NOT NOTICED", "same code", "not C")
    heads = " ".join(f"{column:>11}" for column in columns)
    print(f"\n{'':12} {'tried':>7} {heads}   noticed of those that count")
    for room in [*CORE, "all"]:
        mine = [trial for trial in trials if room in ("all", trial.room)]
        numbers = [sum(trial.outcome == column for trial in mine) for column in columns]
        counted = sum(trial.counts() for trial in mine)
        if counted:
            cells = " ".join(f"{number:11}" for number in numbers)
            print(f"{room:12} {len(mine):7} {cells}   {100 * numbers[0] / counted:5.1f} % of {counted}")
    by = collections.Counter(trial.by.split(",")[0] for trial in trials if trial.by)
    print("by: " + ", ".join(f"{judge} {number}" for judge, number in by.most_common()))


def end_well(trials):
    counted = sum(trial.counts() for trial in trials)
    noticed = sum(trial.outcome == "noticed" for trial in trials)
    left = sum(trial.outcome == "NOT NOTICED" for trial in trials)
    if left:
        print(f"mutate: nobody noticed {left}: write the test, or the reason into tests/mutation/{ACCEPTED.name}")
    return left == 0 and 100 * noticed >= NOTICED_MIN_PERCENT * counted


def read_options():
    parser = argparse.ArgumentParser(prog="mutate.sh", usage=__doc__, add_help=False)
    parser.add_argument("--count", type=int)
    parser.add_argument("--skip", type=int, default=0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--file", action="append", choices=core_files(), metavar="PATH")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--list", action="store_true")
    parser.add_argument("-h", "--help", action="store_true")
    options = parser.parse_args()
    if options.count is None:
        options.count = sys.maxsize if options.file else 500
    return options


def stop(*_):
    """Whatever is being done: the threads' programs are ended, and the folder goes with the script (mutate.sh)."""
    for session in list(running):
        end_session(session)
    os._exit(130)


def main():
    options = read_options()
    if options.help:
        print(__doc__, end="")
        return 0
    candidates = all_mistakes(options.file or core_files(), options.seed)[options.skip :]
    if options.list:
        for path, mistake in candidates:
            print(f"{path}:{mistake.line}  {mistake.what}\n    - {mistake.was}\n    + {mistake.now}")
        return 0
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    work = Path(os.environ["MUTATE_WORK"])
    rooms = {path.split("/")[0] for path, _ in candidates}
    suites = {suite for room in rooms for suite in JUDGES[room].split()}
    builds = [Build("plain", suites), Build("sanitized", rooms)]
    for build, mine in zip(builds, (suites, rooms)):
        for suite in sorted(mine):
            build.measure(suite, work)
    trials = try_all(candidates, options.count, builds, read_accepted(), options.jobs, work)
    print_table(trials)
    return 0 if end_well(trials) else 1


if __name__ == "__main__":
    sys.exit(main())
