"""A small disk under a folder: a tmpfs, mounted where only this process and what it starts can see it. So it is gone with
the last of them, however they end."""

import ctypes
import errno
import os
import subprocess

CLONE_NEWNS = 0x20000
PIECES = (1 << 20, 1 << 12)  # bytes
TRY_TO_MOUNT = ["unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", "/mnt"]


def why_not():
    """Why nothing can be mounted here, or None."""
    tried = subprocess.run(TRY_TO_MOUNT, capture_output=True, text=True, check=False)
    return f"needs to mount a small disk: {tried.stderr.strip()[-200:]}" if tried.returncode else None


def _mount(*arguments):
    subprocess.run(["mount", *arguments], check=True, capture_output=True)


class SmallDisk:
    """To be made before threads and services are started: they share its mounts."""

    def __init__(self, folder, megabytes):
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.unshare(CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        _mount("--make-rprivate", "/")
        self.folder = folder
        self.folder.mkdir(parents=True, exist_ok=True)
        _mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))

    def fill(self):
        """Not a page is left."""
        with open(self.folder / "filler", "wb", buffering=0) as filler:
            for size in PIECES:
                self._fill_with(filler, bytes(size))

    def _fill_with(self, filler, piece):
        try:
            while True:
                filler.write(piece)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise

    def free_bytes(self):
        found = os.statvfs(self.folder)
        return found.f_bavail * found.f_frsize

    def enlarge(self, megabytes):
        _mount("-o", f"remount,size={megabytes}m", str(self.folder))
