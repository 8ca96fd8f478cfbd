"""How much memory a process has, and has needed at most, as the kernel counted it."""


def reset_peak_memory(pid):
    with open(f"/proc/{pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def peak_memory(pid):
    """In bytes, since the last reset_peak_memory()."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmHWM:"))


def resident_memory(pid):
    """In bytes, at this moment."""
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) * 1024 for line in status if line.startswith("VmRSS:"))
