"""Free memory: the machine's, and what control groups of both versions leave of it."""

from pathlib import Path

import pytest

from counterplay.engine.system import available

GB = 2**30


def put(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


MACHINE = {"proc/meminfo": f"MemTotal: {32 * 2**20} kB\nMemAvailable: {16 * 2**20} kB\n"}
V2 = {
    "proc/self/cgroup": "0::/a/b\n",
    "sys/fs/cgroup/a/b/memory.max": "max\n",
    "sys/fs/cgroup/a/b/memory.current": f"{GB}\n",
    "sys/fs/cgroup/a/memory.max": f"{4 * GB}\n",
    "sys/fs/cgroup/a/memory.current": f"{3 * GB}\n",
    "sys/fs/cgroup/a/memory.stat": f"anon {2 * GB}\ninactive_file {GB}\n",
}
V1 = {
    "proc/self/cgroup": "5:cpu:/elsewhere\n4:memory:/not/seen/from/inside\n0::/\n",
    "sys/fs/cgroup/memory/memory.limit_in_bytes": f"{6 * GB}\n",
    "sys/fs/cgroup/memory/memory.usage_in_bytes": f"{5 * GB}\n",
    "sys/fs/cgroup/memory/memory.stat": f"inactive_file 0\ntotal_inactive_file {GB // 2}\n",
}


@pytest.mark.parametrize(("groups", "left"), [({}, 16 * GB), (V2, 2 * GB), (V1, 3 * GB // 2)])
def test_the_tightest_limit_counts(tmp_path, groups, left):
    assert available(put(tmp_path, MACHINE | groups)) == left


def test_a_group_above_its_limit_leaves_nothing(tmp_path):
    over = {"sys/fs/cgroup/a/memory.current": f"{9 * GB}\n", "sys/fs/cgroup/a/memory.stat": ""}
    assert available(put(tmp_path, MACHINE | V2 | over)) == 0


def test_without_system_files_all_memory_counts(tmp_path):
    assert available(tmp_path) > 0
