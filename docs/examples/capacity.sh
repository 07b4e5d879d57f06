#!/bin/sh
# Prints how many proxies a control plane holds, by number of services and by churn.
#
# Usage: capacity.sh STEPS SERVICES CHURN
#   as   capacity.sh 100,200,500,1000,2000 100,500,1000 0s,10s,1s
#
# STEPS are the numbers of proxies to try, and CHURN says how often a pod is replaced; 0s is never.
# From the environment: FLAGS for pyload, THRESHOLD to hold, STEP_DURATION and PROBE.
set -eu

steps=$1 services=$2 churns=$3
flags=${FLAGS:---pilot-address istiod.istio-system:15012}
threshold=${THRESHOLD:-convergence.p99 < 2s}
scratch=$(mktemp -d)
trap 'rm -r "$scratch"' EXIT

list() { echo "$1" | tr , ' '; }

# Prints the proxies that hold with so many services and this churn.
holds() {
  pods=$(( (${steps##*,} + $1 - 1) / $1 ))
  cat >"$scratch/mesh.yaml" <<CONFIG
jitter: {workloads: $2}
nodes: [{name: node, count: $(( $1 * pods / 255 + 1 ))}]
namespaces:
- name: mesh
  applications: [{name: app, type: sidecar, replicas: $1, pods: $pods}]
CONFIG
  code=0
  # shellcheck disable=SC2086 # several flags
  pyload cluster -c "$scratch/mesh.yaml" $flags --steps "$steps" \
    --step-duration "${STEP_DURATION:-1m}" --probe "${PROBE:-5s}" --threshold "$threshold" \
    --out "$scratch/result.json" >"$scratch/log" 2>&1 || code=$?
  # 4: a threshold failed, 5: proxies were not configured in time. Both are what is looked for.
  case $code in
    0) printf '>= ' ;;
    4|5) ;;
    *) tail -n 1 "$scratch/log" >&2; exit "$code" ;;
  esac
  sed -n 's/^ *"holds": \([0-9]*\),$/\1/p' "$scratch/result.json"
}

printf '%-10s' services
for churn in $(list "$churns"); do
  if [ "$churn" = 0s ]; then printf '%12s' 'no churn'; else printf '%12s' "every $churn"; fi
done
for count in $(list "$services"); do
  printf '\n%-10s' "$count"
  for churn in $(list "$churns"); do
    held=$(holds "$count" "$churn")
    printf '%12s' "$held"
  done
done
echo
