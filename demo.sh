#!/usr/bin/env bash
# The main job on embedded data: cost, check, compile, train, evaluate. Run by `make demo`.
set -euo pipefail
cd "$(dirname "$0")"
out=.demo
rm -rf "$out"
mkdir "$out"
# The shared note (every row takes the paper's head) is shown once, in step 1.
quiet() { "$@" 2> >(grep -v -e 'CTC901' >&2); }

bold='' dim='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
    bold=$'\033[1m' dim=$'\033[2m' plain=$'\033[0m'
fi
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
show() { printf '%s$ %s%s\n' "$dim" "$*" "$plain"; }

say '1. What do the 14 models of the paper cost? (Tables 1 and 2, relative to model A)'
show ctcdsl cost specs/?.ctc specs/?_prime.ctc --relative-to A
ctcdsl cost specs/?.ctc specs/?_prime.ctc --relative-to A

say '2. What does an error look like? (no padding of this network makes its maps 40)'
cat >"$out/wrong.ctc" <<'SPEC'
net Wrong
pad paper
maps 40 18
(7,64)/2 3/3 (5,128,pp1) 2/2 (3,256)x3
head: gpa fc
SPEC
show ctcdsl check "$out/wrong.ctc"
ctcdsl check "$out/wrong.ctc" || echo "(exit code $?)"
sed -i -e 's/,pp1//' -e 's/gpa/gap/' "$out/wrong.ctc"
echo
echo 'With these fixed, the maps are next:'
show ctcdsl check "$out/wrong.ctc"
ctcdsl check "$out/wrong.ctc" || echo "(exit code $?)"

say "3. The paper's best model as a PyTorch module"
show ctcdsl compile specs/J_prime.ctc -o "$out/model.py"
quiet ctcdsl compile specs/J_prime.ctc -o "$out/model.py"
sed -n '/^class JPrime/,/self.stage3/p' "$out/model.py"
echo "        …  ($(wc -l <"$out/model.py") lines in $out/model.py)"

say '4. Train model A on the photographs that come with ctcdsl (a few minutes on two cores)'
show ctcdsl train specs/A.ctc --run "$out/A"
quiet ctcdsl train specs/A.ctc --run "$out/A"

say '5. Evaluate it with 10 views, and draw the run'
evaluate=(ctcdsl eval "$out/A" --picture "$out/run.png" --report "$out/errors.html")
show "${evaluate[*]}"
quiet "${evaluate[@]}"

say 'What to try next'
ctcdsl=ctcdsl
if [ -x .venv/bin/ctcdsl ]; then ctcdsl=.venv/bin/ctcdsl; fi
cat <<NEXT
# Look at $out/run.png (learning curve, the ten views, predictions), $out/errors.html and $out/model.py.
# Train model A further:
$ctcdsl train --run $out/A --resume --epochs 9
# Rewrite it at the same cost:
$ctcdsl rewrite specs/A.ctc --pass depth-for-size:stage=3,to=2
# Write a row of your own:
echo '(7,64)/2 3/3 (2,128)x4 2/2 (2,256)x6' | $ctcdsl cost -
# See where the time goes:
$ctcdsl cost specs/J_prime.ctc --layers
# Train on your own images, which are in DIR/train/CLASS/ and DIR/val/CLASS/, with --data DIR; all options:
$ctcdsl train --help
NEXT
