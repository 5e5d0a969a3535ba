"""Where the sources come from into which bugs are put: the checkout as it stands, or a commit."""

import io
import os
import subprocess
import sys
import tarfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def git(*arguments):
    done = subprocess.run(["git", *arguments], cwd=ROOT, check=False, capture_output=True)
    if done.returncode:
        sys.exit(done.stderr.decode().strip())
    return done.stdout


class Checkout:
    """The files that git knows, with what has been changed in them since."""

    def __init__(self):
        self.names = list(filter(None, git("ls-files", "-z").decode().split("\0")))

    def content(self, name):
        with open(os.path.join(ROOT, name), "rb") as file:
            return file.read()

    def mode(self, name):
        return os.stat(os.path.join(ROOT, name)).st_mode & 0o777


class Commit:
    def __init__(self, revision):
        with tarfile.open(fileobj=io.BytesIO(git("archive", "--format=tar", revision))) as archive:
            members = [member for member in archive if member.isfile()]
            self.files = {member.name: (archive.extractfile(member).read(), member.mode) for member in members}
        self.names = list(self.files)

    def content(self, name):
        return self.files[name][0]

    def mode(self, name):
        return self.files[name][1]
