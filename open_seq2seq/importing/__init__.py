"""Import of models that were trained with OpenSeq2Seq (TensorFlow 1) or with NeMo."""
