"""Reads every dead letter with its value, for tests."""

from dataclasses import replace

from streams.config.settings import Settings
from streams.operations.dead_letters import Letter, newest_letters, whole


def letters(settings: Settings) -> list[Letter]:
    """Return all letters, oldest first."""
    light = {letter.place: letter for letter in newest_letters(settings)}
    found = [replace(letter, replayed=light[letter.place].replayed) for letter in whole(settings, light.values())]
    return sorted(found, key=lambda letter: letter.seen.timestamp)
