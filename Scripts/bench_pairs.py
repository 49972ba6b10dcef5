# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks share: commands that alternate, and ratios that are taken round by round.

On a busy machine the times drift, but the commands of one round see nearly the same machine; so a ratio is the median of
the ratios of the rounds, and times are medians, only to give an idea.
"""
import os, re, shutil, statistics, subprocess, time


def once(command, environment=None, accepts=(0,)):
    """Runs a command that must succeed; returns its wall time and its processor time in seconds."""
    with open(os.devnull, "w") as nothing:
        start = time.perf_counter()
        child = subprocess.Popen(command, stdout=nothing, stderr=nothing, env=environment)
        _, status, usage = os.wait4(child.pid, 0)
        wall = time.perf_counter() - start
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode not in accepts:
        raise SystemExit(f"exit status {child.returncode}: {' '.join(command)}")
    return wall, usage.ru_utime + usage.ru_stime


def interleaved(commands, rounds, before=None):
    """Runs {name: command} in turn, `rounds` times; returns {name: [(wall, cpu), ...]}."""
    runs = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            if before:
                before()
            runs[name].append(once(command))
    return runs


def median(runs, which=0):
    return statistics.median(run[which] for run in runs)


def ratio(ours, theirs, which=0):
    return statistics.median(a[which] / max(b[which], 1e-9) for a, b in zip(ours, theirs))


def verdict(value, target):
    return f"{value:6.2f}   (target {target:.2f}{'' if value <= target else ': NOT MET'})"


def drop_caches():
    """Empties the page, dentry and inode caches of the whole machine, which only root may."""
    os.sync()
    with open("/proc/sys/vm/drop_caches", "w") as file:
        file.write("3")


def may_drop_caches():
    return os.access("/proc/sys/vm/drop_caches", os.W_OK)


def peak_megabytes(command):
    """What GNU time says: a child of this interpreter could not report less than the interpreter itself takes."""
    if not shutil.which("time"):
        return None
    done = subprocess.run(["time", "-f", "@%M"] + command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    found = re.findall(r"@(\d+)", done.stderr)
    return int(found[-1]) * 1024 / 1e6 if found else None


def count(number):
    return f"{number:,}"
