"""The city of these tests is the one that moderates: what administration keeps, forgets and checks came in by there."""

from tests.moderation.conftest import city, criticism, insult, unreadable  # noqa: F401
