"""The package on other backends of Keras, each in an environment of its own without TensorFlow."""
