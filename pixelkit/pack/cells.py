# The cells of pixelkit.ipynb; `# %%` begins one. Edit them here: the notebook is made of this file.
# %% [markdown]
# # pixelkit without internet
#
# Attach this pack and the competition's data (*Add Input*), turn the internet off, and run all cells: the last one
# leaves `submission.csv`. On a machine of your own, put the data beside the pack, or name them in `DATA`.
# %%
import hashlib
import json
import shutil
import subprocess
import sys
from importlib import invalidate_caches
from pathlib import Path

# The data set; empty: the competition's data below /kaggle/input, elsewhere what lies beside the pack.
DATA = ""
# More options of 'pixelkit run', as in ["--set", "recipe.smooth=median"].
MORE: list[str] = []

KAGGLE = Path("/kaggle/input")
WORK = Path("/kaggle/working") if KAGGLE.is_dir() else Path.cwd()


def find_pack() -> Path:
    """Return the folder of this pack: here, below, or among what is attached."""
    for root in (Path.cwd(), KAGGLE):
        for depth in ("", "*/", "*/*/", "*/*/*/"):
            for file in sorted(root.glob(f"{depth}MANIFEST.json")):
                if "pixelkit" in json.loads(file.read_text(encoding="utf-8")):
                    return file.parent
    raise RuntimeError(
        f"there is no pack of pixelkit in {Path.cwd()} or {KAGGLE}: attach it with 'Add Input'"
    )


PACK = find_pack()
MANIFEST = json.loads((PACK / "MANIFEST.json").read_text(encoding="utf-8"))
for name, file in MANIFEST["files"].items():
    content = PACK / name
    if not content.is_file() or hashlib.sha256(content.read_bytes()).hexdigest() != file["sha256"]:
        raise RuntimeError(f"{content} is missing or damaged: upload the pack again")
print(f"pixelkit {MANIFEST['pixelkit']} in {PACK}, {len(MANIFEST['files'])} files, all whole")
# %%
# Just what is packed: what else is here was looked at when it was packed, and the doctor looks again.
PIP = [
    sys.executable,
    "-m",
    "pip",
    "install",
    "--quiet",
    "--disable-pip-version-check",
    "--no-index",
    "--no-deps",
]
wheels = sorted(map(str, (PACK / "wheels").glob("*.whl")))
subprocess.run([*PIP, *wheels], check=True)
subprocess.run([*PIP, "--force-reinstall", *(wheel for wheel in wheels if "pixelkit-" in wheel)], check=True)
invalidate_caches()
doctor = subprocess.run(
    [sys.executable, "-m", "pixelkit", "doctor"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT
)
print(doctor.stdout.decode())
if doctor.returncode:
    raise RuntimeError("pixelkit cannot run here: the last line above says why")
# %%
from pixelkit.errors import DataError  # noqa: E402
from pixelkit.frames.layouts import find_dataset  # noqa: E402


def find_data() -> Path:
    """Return the data set: the one that is named, or the first that is attached, or lies beside the pack."""
    roots = [KAGGLE / "competitions", KAGGLE] if KAGGLE.is_dir() else [PACK.parent]
    attached = [folder for root in roots if root.is_dir() for folder in sorted(root.iterdir())]
    folders = [Path(DATA)] if DATA else [folder for folder in attached if folder.is_dir() and folder != PACK]
    reasons = []
    for folder in folders:
        try:
            return find_dataset(folder).root
        except DataError as reason:
            reasons.append(str(reason))
    raise RuntimeError(f"no data set: attach the competition's data, or name it in DATA ({reasons})")


data = find_data()
print(find_dataset(data).layout, "in", data)
# %%
run = WORK / MANIFEST["run"]
if (PACK / "run").is_dir():  # fitted there: here it only scores
    shutil.copytree(PACK / "run", run, dirs_exist_ok=True)
options = [word.replace("{pack}", str(PACK)) for word in MANIFEST["options"]]
command = [sys.executable, "-m", "pixelkit", "run", str(data), "--out", str(run), *options, *MORE]
print("$", *command[1:])
with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
    assert process.stdout and process.stderr
    for line in process.stderr:
        print(line, end="")
    printed = process.stdout.read()
if process.returncode:
    raise RuntimeError("pixelkit stopped: the line above says why")
csv = Path(printed.splitlines()[-1])
# %%
submission = WORK / "submission.csv"
shutil.copyfile(csv, submission)
lines = submission.read_text(encoding="utf-8").splitlines()
print(submission, "holds", len(lines) - 1, "rows, checked:")
print(*lines[:6], sep="\n")
