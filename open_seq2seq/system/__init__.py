"""What is asked of the operating system: files, archives, the terminal, processor cores."""
