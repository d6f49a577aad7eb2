"""Runs one stage as a process: the window of events in flight, the stage, Faust, signals, supervision."""
