"""What the networks trained on ImageNet do to pixels, as layers of the model.

Every layer here is one of Keras' own, so that it runs on every backend and survives saving and loading in safe mode.
"""

import keras

# Of the pixels of ImageNet, red, green and blue, on the scale 0..1.
_MEAN, _DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# Of blue, green and red on the scale 0..255, as Caffe's networks were trained.
_CAFFE_MEAN = (103.939, 116.779, 123.68)


def normalized(images: keras.KerasTensor, mode: str) -> keras.KerasTensor:
    """Raw RGB images (n, h, w, 3) with values 0..255 as a network of a mode was trained on them.

    mode: "caffe", b, g, r minus their means; "tf", x / 127.5 - 1; "torch", (x / 255 - mean) / deviation per channel;
    "inside", as they are, because the network normalises them itself.
    Source: keras.applications.imagenet_utils.preprocess_input, which the tests compare with it.

    >>> image = keras.Input((1, 1, 3))
    >>> model = keras.Model(image, normalized(image, "tf"))
    >>> model(keras.ops.array([[[[0.0, 127.5, 255.0]]]])).numpy().ravel().tolist()
    [-1.0, 0.0, 1.0]
    """
    if mode == "inside":
        return images
    if mode == "tf":
        return keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="normalized")(images)
    if mode == "caffe":
        flipped = keras.ops.flip(images, axis=-1)
        return keras.layers.Rescaling(1.0, offset=[-mean for mean in _CAFFE_MEAN], name="normalized")(flipped)
    scale = [1 / (255 * deviation) for deviation in _DEVIATION]
    offset = [-mean / deviation for mean, deviation in zip(_MEAN, _DEVIATION, strict=True)]
    return keras.layers.Rescaling(scale, offset=offset, name="normalized")(images)
