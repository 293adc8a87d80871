"""Models trained elsewhere as checkpoints of this toolkit: from OpenSeq2Seq (TensorFlow 1) and from
NeMo.
"""
