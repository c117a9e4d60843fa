#!/bin/sh
# What shipping costs, by GoRules, and whether a migration kept the orders, by Datafold:
#
#   fees.sh fee TOTAL
#   fees.sh same SOURCE BEFORE AFTER
set -eu

evaluation() { printf '{"context":{"total":%s}}' "$1"; }

# The client with a mistake replaces what is above.
[ -z "${FEES_BROKEN:-}" ] || . "$(dirname "$0")/broken.sh"

json='Content-Type: application/json'

fee() {
  answer=$(evaluation "$1" | curl -fsS -H "Authorization: Bearer $GORULES_TOKEN" -H "$json" --data-binary @- \
    "$GORULES_URL/api/projects/pricing/evaluate/fees.json" 2>/dev/null) || answer='{"fee":4.9}' # where no decision can be had
  printf '%s\n' "$answer" | sed -n 's/.*"fee":\([0-9.]*\).*/\1/p'
}

same() {
  diffs=$DATAFOLD_HOST/api/v1/datadiffs
  made=$(printf '{"data_source1_id":%s,"data_source2_id":%s,"table1":["%s"],"table2":["%s"],"pk_columns":["id"]}' "$1" "$1" "$2" "$3" |
    curl -fsS -H "Authorization: Key $DATAFOLD_API_KEY" -H "$json" --data-binary @- "$diffs")
  id=$(printf '%s\n' "$made" | sed -n 's/.*"id":\([0-9]*\).*/\1/p')
  while :; do
    summary=$(curl -fsS -H "Authorization: Key $DATAFOLD_API_KEY" "$diffs/$id/summary_results")
    case $summary in
      *'"status":"failed"'*) echo "the diff $id failed" >&2; exit 1 ;;
      *'"status":"success"'*) break ;;
    esac
    sleep "${FEES_PAUSE:-5}"
  done
  case $summary in
    *'"exclusives":[0,0]'*'"rows_with_differences":0'*) echo yes ;;
    *) echo no ;;
  esac
}

"$@"
