#!/bin/sh
# An Arctic day from its tiles to maps of the ice: fetch -> predict (two overpasses) -> composite -> concentration -> extent ->
# map.
#
# The day is generated and served on loopback, so nothing is downloaded. In place of --server, nothing, and of the date, another one,
# the same commands fetch NASA's pictures.
#
#     sh examples/day.sh [FOLDER] [TILES]
set -eu

folder=${1:-day} tiles=${2:-16}
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
python=${PYTHON:-python3}
seaice() { echo "\$ seaice $*"; "$python" -m seaice_cli "$@"; }

mkdir -p "$folder"
cd "$folder"
rm -f served/address
"$python" -W ignore "$here/serve_day.py" served --tiles "$tiles" &
server=$!
trap 'kill $server 2>/dev/null || true' EXIT
while [ ! -s served/address ]; do
    kill -0 $server || exit 1
    sleep 0.2
done
address=$(cat served/address)

# A tile is 512 pixels of 256 m; the day begins 16 tiles off the corner of the Arctic's grid, at -4194304,4194304.
left=-2097152 top=2097152
right=$((left + tiles * 131072)) bottom=$((top - tiles * 131072))
for satellite in terra aqua; do
    seaice fetch --date 2024-06-01 --satellite $satellite --server "$address" --cache cache \
        "--bbox=$left,$bottom,$right,$top" -o $satellite.tif --overwrite
    seaice predict $satellite.tif -o ${satellite}_mask.tif --preview ${satellite}_mask.png --stac --overwrite
done
seaice composite terra_mask.tif aqua_mask.tif -o day.tif --layers layers.tif --stac --overwrite
seaice concentration day.tif -o sic.nc --grid psn25 --overwrite
seaice extent sic.nc --edge edge.gpkg --csv extent.csv --plot extent.png --overwrite
seaice map day.tif -o day.png --scene terra.tif --overwrite
seaice map sic.nc -o sic.png --overwrite
seaice stac . -o collection.json --overwrite
