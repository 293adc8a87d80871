"""The commands beside ``open-seq2seq``: preparing data, synthetic data, and imports."""
