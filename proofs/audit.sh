#!/bin/sh
# Fails unless the files build what statements.txt says, and assume nothing:
#   1. every .v file of the folder is built; 2. no source uses a word that assumes; 3. what theorems.v proves, word for word, and what its
#   words mean, is what statements.txt says; 4. no theorem depends on an axiom; 5. Coq's independent checker accepts every compiled file.
# ./audit.sh --accept writes statements.txt anew; read the difference before you commit it.
set -eu
coq="-Q . Capacitance -w none"
fail() { echo "audit: $1" >&2; exit 1; }

files=$(sed -n 's/\.v$//p' _CoqProject)
for source in *.v; do
    echo "$files" | grep -qx "${source%.v}" || fail "$source is not built: name it in _CoqProject"
done
if grep -nEw 'Admitted|admit|Abort|give_up|Axioms?|Parameters?|Conjectures?|Variables?|Hypothes[ie]s|bypass_check|Unset Guard' -- *.v; then
    fail "a source file uses a word that assumes, or that gives up (above)"
fi

work=$(mktemp -d); trap 'rm -rf "$work"' EXIT
head='From mathcomp Require Import all_ssreflect all_algebra.
From Capacitance Require Import '$(echo $files)'.
Local Open Scope ring_scope.
Set Printing Width 110.'
ask() { printf '%s\n' "$head" "$2" > "$work/$1.v"; coqc $coq "$work/$1.v" > "$work/$1.log" || fail "$1: Coq refuses the question"; }

ask search 'Search _ inside theorems.'
theorems=$(sed -n 's/^\([A-Za-z0-9_]*\):.*/\1/p' "$work/search.log" | sort)
[ -n "$theorems" ] || fail "theorems.v proves nothing"
# The words of the statements: everything defined outside the tables of the counterexamples.
words=$(sed -nE 's/^ *(Definition|Fixpoint|Record|Inductive|Variant|Structure) ([A-Za-z0-9_'"'"']+).*/\2/p' \
    $(for file in $files; do [ "$file" = counterexamples ] || echo "$file.v"; done) | sort -u)
{
    echo '# What the theorems say, and what the words in them mean, as Coq prints it. Written by ./audit.sh --accept.'
    ask statements "$(for name in $theorems; do echo "Check $name."; done)"; cat "$work/statements.log"
    echo; echo '# Notations'; grep -hE '^ *(Local )?Notation ' -- *.v || true
    echo; echo '# Definitions'
    ask definitions "$(for name in $words; do echo "Print $name."; done)"; cat "$work/definitions.log"
} > "$work/statements.txt"
if [ "${1:-}" = --accept ]; then cp "$work/statements.txt" statements.txt; fi
diff -u statements.txt "$work/statements.txt" >&2 || fail "theorems or definitions are not those of statements.txt (above)"

ask assumptions "$(for name in $theorems; do echo "Print Assumptions $name."; done)"
asked=$(echo "$theorems" | wc -l)
closed=$(grep -c '^Closed under the global context$' "$work/assumptions.log" || true)
lines=$(grep -c . "$work/assumptions.log" || true)
if [ "$asked" -ne "$closed" ] || [ "$lines" -ne "$closed" ]; then
    cat "$work/assumptions.log" >&2; fail "$closed of $asked theorems are closed under the global context"
fi
coqchk -silent -o -Q . Capacitance $(for file in $files; do echo "-norec Capacitance.$file"; done) > "$work/coqchk.log" 2>&1 ||
    { cat "$work/coqchk.log" >&2; fail "coqchk refuses a compiled file"; }
if grep -n 'Capacitance\.' "$work/coqchk.log" >&2; then fail "coqchk finds something assumed (above)"; fi
echo "audit: all $asked theorems say what statements.txt says, and are closed under the global context"
