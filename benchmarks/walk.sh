#!/bin/sh
# The walk under "Select one and keep it" in the README, in the present folder: a selection is interrupted and goes on, and its winner
# predicts in a process of its own.
#     NCAP_DATA=../shared/data sh benchmarks/walk.sh
set -eum # with job control, since without it a shell lets what it starts in the background ignore Ctrl-C
candidates=plain_32,residual_32,depthwise_32,squeeze_32,mlp_32,mixer_32
ncap datasets flowers --export photos
ncap rank --target photos/ --trained --epochs 4 --jobs 2 --threads 1 --candidates $candidates --dry-run
select() {
    exec ncap select --target photos/ --trained --epochs 4 --final-epochs 16 --jobs 2 --threads 1 --store runs.db --out out/ \
        --candidates $candidates
}
(select) > interrupted.txt 2>&1 &
until grep -q "squeeze_32: epoch 4" interrupted.txt; do sleep 1; done
grep -o "Unfinished, [^.]*" out/report.html
kill -INT $! && wait $! || echo "exit code $?" # 130
(select)
python - <<'PYTHON'
import json
from pathlib import Path

import keras

model, card = keras.models.load_model("out/winner.keras"), json.loads(Path("out/winner.json").read_text())
for folder in sorted(Path("photos/test").iterdir()):
    image = keras.utils.load_img(sorted(folder.iterdir())[0], target_size=card["images"]["shape"][:2], interpolation="bilinear")
    predicted = model.predict(keras.utils.img_to_array(image)[None], verbose=0).argmax()
    print(f"a picture of {folder.name} is taken for {card['classes'][predicted]}")
print(card["accuracies"])
PYTHON
