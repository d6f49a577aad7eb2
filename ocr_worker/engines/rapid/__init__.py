"""RapidOCR on the CPU: the default engine, with a closer second look where lines are doubtful."""
