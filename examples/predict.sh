#!/bin/sh
# Predict with curl:  sh examples/predict.sh [http://localhost:8000]
set -eu
url=${1:-http://localhost:8000}

# One row, at the default threshold.
curl --fail-with-body --silent --show-error --max-time 10 "$url/predict" \
    --header 'Content-Type: application/json' --data '
    {"clump_thickness": 5, "uniformity_of_cell_size": 1, "uniformity_of_cell_shape": 1,
     "marginal_adhesion": 1, "single_epithelial_cell_size": 2, "bare_nuclei": null,
     "bland_chromatin": 3, "normal_nucleoli": 1, "mitoses": 1}'
echo

# Several rows, at another threshold: a number, or an operating point such as sensitivity-99.
curl --fail-with-body --silent --show-error --max-time 10 "$url/predict?threshold=0.7" \
    --header 'Content-Type: application/json' --data '
    {"instances": [[5, 1, 1, 1, 2, 1, 3, 1, 1], [8, 10, 10, 8, 7, 10, 9, 7, 1]]}'
echo
