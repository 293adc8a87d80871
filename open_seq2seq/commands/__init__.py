"""The commands beside ``open-seq2seq``: data, tracks, mining and imports."""
