"""Make the manifests that training reads; `prepare` tells the steps in order."""
