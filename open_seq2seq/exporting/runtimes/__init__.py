"""Programs that run exported models by their own runtimes, each in a process of its own.

They are called with the paths of a model, of clips and of a folder for their outputs, and import
nothing of this package: what they need is what a user of the exported model needs.
"""
