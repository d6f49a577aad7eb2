"""What `hangtag doctor` looks at: one function per check. Each answers with `Checked` lines, and mends nothing."""
