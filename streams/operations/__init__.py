"""Operations on a live system: doctor, trace, retag, dead letters, dry runs, the demo."""
