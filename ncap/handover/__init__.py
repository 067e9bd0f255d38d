"""What a user keeps of a job: a network that predicts, as a Keras model of plain layers, with a card that says what it is.

plain turns a network under its probe into layers that Keras loads without ncap, head puts a linear head in the probe's place, fine_tuning
trains the result on, card describes it, and origin and export bring them together.
"""
