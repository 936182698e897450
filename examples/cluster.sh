#!/usr/bin/env bash
# A cluster and an S3 server on this machine map eight scenes and a large one from a bucket into it, while a worker is killed; then one
# machine maps them, and all masks are compared byte for byte.
#
#     make test-cluster   # once: installs the S3 server
#     examples/cluster.sh [FOLDER]
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${BIN:-$PWD/.venv/bin}; server=${SERVER:-$bin/../.s3/bin/moto_server}; folder=${1:-demo/cluster}; side=${SIDE:-600}; port=${PORT:-5566}
export PYTHONPATH=$PWD XDG_CACHE_HOME=$PWD/$folder/cache
export AWS_ACCESS_KEY_ID=key AWS_SECRET_ACCESS_KEY=secret AWS_REGION=us-east-1
export AWS_S3_ENDPOINT=127.0.0.1:$port AWS_HTTPS=NO AWS_VIRTUAL_HOSTING=FALSE
mkdir -p "$folder/logs"
trap 'kill $(jobs -p) 2> /dev/null || true' EXIT

"$server" -H 127.0.0.1 -p "$port" > "$folder/logs/s3" 2>&1 &
"$bin/dask" scheduler --host 127.0.0.1 --port $((port + 1)) --no-dashboard > "$folder/logs/scheduler" 2>&1 &
for worker in 1 2; do
  "$bin/dask" worker "tcp://127.0.0.1:$((port + 1))" --nthreads 1 --no-dashboard --no-nanny > "$folder/logs/worker$worker" 2>&1 &
done
killed=$!

for seed in 1 2 3 4 5 6 7 8; do
  "$bin/python" examples/make_scene.py "$folder/scene$seed.tif" --height "$side" --width "$side" --seed "$seed" > /dev/null
done
"$bin/python" examples/make_scene.py "$folder/large.tif" --height $((5 * side)) --width $((2 * side)) --seed 9 > /dev/null
"$bin/python" - "$folder" "$port" << 'END'
import sys, urllib.request
from pathlib import Path
from seaice_cli.storage import Storage

folder, port = Path(sys.argv[1]), sys.argv[2]
urllib.request.urlopen(urllib.request.Request(f"http://127.0.0.1:{port}/ice", data=b"", method="PUT"))
for scene in folder.glob("*.tif"):
    Storage("s3://ice/large" if scene.stem == "large" else "s3://ice/scenes").put(scene.name, scene)
END

cluster=tcp://127.0.0.1:$((port + 1))
echo "== eight scenes on two workers, of which one is killed"
"$bin/python" - "$killed" << 'END' &
import os, signal, sys, time
from seaice_cli.storage import Storage

while not any(name.endswith(".tif") for name in Storage("s3://ice/cluster").names()):
    time.sleep(0.1)
os.kill(int(sys.argv[1]), signal.SIGKILL)
print("killed a worker when the first mask was there", flush=True)
END
"$bin/python" -m seaice_cli predict s3://ice/scenes/ -o s3://ice/cluster/ --cluster "$cluster" | grep -E '^s3://'
echo "== a large scene by its parts"
"$bin/dask" worker "$cluster" --nthreads 1 --no-dashboard --no-nanny > "$folder/logs/worker3" 2>&1 &
"$bin/python" -m seaice_cli predict s3://ice/large/large.tif -o s3://ice/cluster/large.tif --tile 128 --cluster "$cluster" | head -2
echo "== the same on one machine"
"$bin/python" -m seaice_cli predict s3://ice/scenes/ -o s3://ice/one/ | grep -E '^s3://'
"$bin/python" -m seaice_cli predict s3://ice/large/large.tif -o s3://ice/one/large.tif --tile 128 | head -2
"$bin/python" - << 'END'
from seaice_cli.storage import Storage

cluster, one = Storage("s3://ice/cluster"), Storage("s3://ice/one")
names = [name for name in one.names() if name.endswith(".tif")]
assert len(names) == 9
assert all(cluster.get(name) == one.get(name) for name in names)
left = [name for name in cluster.names() if name.startswith(".")]
assert not left, left
print(f"{len(names)} masks are equal byte for byte, and nothing else is left in the bucket")
END
