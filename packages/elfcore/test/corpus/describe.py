"""Run by gdb (see make.sh): writes what gdb and /proc say of a core, as JSON."""
import hashlib
import json
import os
import re

import gdb

REGISTERS = (
    "rax rbx rcx rdx rsi rdi rbp rsp r8 r9 r10 r11 r12 r13 r14 r15 rip eflags "
    "cs ss ds es fs gs fs_base gs_base orig_rax"
).split()
PAGE = 4096


def registers():
    return {name: gdb.execute(f"output/x ${name}", to_string=True) for name in REGISTERS}


def threads():
    found = []
    for thread in sorted(gdb.selected_inferior().threads(), key=lambda thread: thread.num):
        thread.switch()
        found.append({"pid": thread.ptid[1], "registers": registers()})
    return found


def maps():
    found = []
    with open(os.environ["CORE_MAPS"]) as lines:
        for line in lines:
            span, prot, offset, _device, inode, *path = line.split(maxsplit=5)
            start, end = span.split("-")
            entry = {"start": start, "end": end, "prot": prot, "offset": offset, "inode": int(inode)}
            found.append({**entry, "path": path[0].strip() if path else ""})
    return found


def pages():
    """Digests of the pages whose contents are in the core."""
    found = {}
    sections = gdb.execute("maintenance info sections", to_string=True).split("Core file:")[1]
    for start, end, flags in re.findall(r"0x([0-9a-f]+)->0x([0-9a-f]+) at 0x[0-9a-f]+: load\S* (.*)", sections):
        if "HAS_CONTENTS" not in flags:
            continue
        for address in range(int(start, 16), int(end, 16), PAGE):
            memory = gdb.selected_inferior().read_memory(address, PAGE)
            found[format(address, "x")] = hashlib.sha256(bytes(memory)).hexdigest()
    return found


def auxv():
    lines = gdb.execute("info auxv", to_string=True).splitlines()
    entries = (re.match(r"(\d+)\s.*?\s(0x[0-9a-f]+|\d+)(?:\s\".*\")?$", line) for line in lines)
    return [[int(entry[1]), hex(int(entry[2], 0))] for entry in entries if entry]


document = {
    "pid": int(os.environ["CORE_PID"]),
    "threads": threads(),
    "auxv": auxv(),
    "maps": maps(),
    "pages": pages(),
}
with open(os.environ["CORE_JSON"], "w") as output:
    json.dump(document, output, indent=1)
    output.write("\n")
