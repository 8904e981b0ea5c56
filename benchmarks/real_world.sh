#!/usr/bin/env bash
# The whole way once on real data: ingest, train, index, ask, and the held-out figures beside their floors.
#   benchmarks/real_world.sh [DATA] [WORK]     DATA defaults to ../shared/data, WORK to a temporary folder
set -euo pipefail
cd "$(dirname "$0")/.."
data=$(realpath "${1:-../shared/data}")
work=${2:-$(mktemp -d)}
bin=${VENV:-.venv}/bin
world=$work/world

"$bin/placebind" ingest parquet-articles "$data"/text/{wikipedia_articles,world_heritage,ancient_places}.parquet --catalogue "$world"
"$bin/placebind" ingest geotiff-tiles "$data/s2_tiles/geotiff" --table "$data/s2_tiles/index.csv" --catalogue "$world"
"$bin/placebind" ingest grid --points 100000 --catalogue "$world"
time "$bin/placebind" train --catalogue "$world" --overwrite
time "$bin/placebind" index build --catalogue "$world" --rebuild
"$bin/placebind" info --catalogue "$world"
"$bin/placebind" search "glacier in the high Himalaya" -k 3 --catalogue "$world"
"$bin/placebind" search --image "$data/s2_tiles/geotiff/copfm_T60HWB.tif" --in articles -k 3 --catalogue "$world"
"$bin/placebind" search --lat 48.2 --lon 16.4 --in tiles -k 3 --catalogue "$world"
"$bin/placebind" evaluate --only retrieval --catalogue "$world"
echo "everything is in $work"
