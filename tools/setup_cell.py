# @title Set-up: run this cell first. It finds the folder of the series, or fetches it on Colab.
import os, sys
from pathlib import Path
series, source = Path("/content/transformer-in-stages"), "{{repository}}"
fetch = f"rm -rf {series}.new && git clone -q --depth 1 {source} {series}.new && mv {series}.new {series}"
series = next((p for p in (Path.cwd(), *Path.cwd().parents) if (p / "helpers/setup.py").exists()), series)
if not series.exists() and os.system(fetch if "google.colab" in sys.modules else "exit 1"):
    raise FileNotFoundError(f"Open this in the folder of the series. On Colab: could not fetch {source}.")
sys.modules.pop("helpers", None)  # another package of this name makes room
sys.path.insert(0, str(series))
from helpers.setup import prepare
prepare()
