#!/bin/sh
# Every network of this folder is A24 and a few passes of `ctcdsl rewrite`, as the paper's are of A.
set -e
cd "$(dirname "$0")"
rewrite() { from=$1 to=$2 name=$3; shift 3; ctcdsl rewrite "$from.ctc" "$@" --name "$name" -o "$to.ctc"; }
rewrite A24 B24 B24 --pass depth-for-size:stage=3,to=2
rewrite A24 C24 C24 --pass depth-for-size:stage=2,to=3
rewrite B24 D24 D24 --pass depth-for-size:stage=2,to=3
rewrite B24 E24 E24 --pass depth-for-size:stage=2,to=2
rewrite A24 F24 F24 --pass depth-for-width:stage=3,depth=6,multiple=8
rewrite A24 G24 G24 --pass depth-for-width:stage=3,depth=9,multiple=8
rewrite D24 D24_prime "D24'" --pass delay-subsample
rewrite D24 D24+4 D24+4 --pass repeat-last:times=4
rewrite D24 D24+8 D24+8 --pass repeat-last:times=8
