#!/bin/sh
# Fails unless every theorem of theorems.v is audited, every audit says that nothing is assumed, and no source assumes.
set -eu
log=$1
if grep -nEw 'Admitted|admit|give_up|Axioms?|Parameters?|Conjectures?|Variables?|Hypothes[ie]s|bypass_check|Unset Guard' -- *.v; then
    echo "audit: a source file uses a word that assumes (above)" >&2; exit 1
fi
for theorem in $(sed -n 's/^Theorem \([A-Za-z0-9_]*\).*/\1/p' theorems.v); do
    grep -q "^Print Assumptions $theorem\.$" audit.v || { echo "audit: $theorem is not in audit.v" >&2; exit 1; }
done
asked=$(grep -c '^Print Assumptions ' audit.v)
closed=$(grep -c '^Closed under the global context$' "$log" || true)
lines=$(grep -c . "$log" || true)
if [ "$asked" -eq 0 ] || [ "$asked" -ne "$closed" ] || [ "$lines" -ne "$closed" ]; then
    cat "$log" >&2
    echo "audit: $closed of $asked theorems are closed under the global context" >&2; exit 1
fi
echo "audit: all $asked headline theorems are closed under the global context"
