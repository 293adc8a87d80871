"""Make manifests from a dataset; `prepare` has the steps in order."""
