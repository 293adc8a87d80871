"""Configuration-driven training of speech-command models on TensorFlow, Keras and Horovod."""

__version__ = "0.1.0"
