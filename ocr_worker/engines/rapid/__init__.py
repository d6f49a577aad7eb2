"""RapidOCR on the CPU: the default engine. Looks a second time, closer, where lines are doubtful."""
