#!/bin/sh
# The ranking under "Rank your own networks" in the README: makes its pictures and its saved network in the present folder, and runs it.
#     NCAP_DATA=../shared/data sh benchmarks/photos.sh
set -eu
ncap datasets flowers --export photos
python - <<'PYTHON'
import keras
from keras import layers

keras.utils.set_random_seed(1)
stack = [keras.Input((64, 64, 3)), layers.Rescaling(1 / 255)]
for filters in (16, 32, 64):
    stack += [layers.Conv2D(filters, 3, 2, padding="same"), layers.BatchNormalization(momentum=0.9), layers.Activation("relu")]
stack += [layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax")]
keras.Sequential(stack).save("mine.keras")
PYTHON
ncap rank --target photos/ --size 64 --epochs 5 --trained --store runs.db --out out/ --candidates \
MobileNet:random,MobileNetV2:random,MobileNetV3Small:random,mine.keras,backbones:mobilenet_v1_0.25_128_quant,\
backbones:squeezenet_v1.1_notop_224,backbones:shufflenetv2_narrow_224
