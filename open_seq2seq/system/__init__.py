"""Services of the operating system: files, archives, the terminal and processor cores."""
