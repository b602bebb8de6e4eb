"""The words: what people read of an incident, in their language and time zone. Whoever shows it to them may import it."""

from bridge.texts.broken import take_broken
from bridge.texts.message import Text, Told, render, render_strictly, told
from bridge.texts.sentences import summary
from bridge.texts.words import LANGUAGES

__all__ = ["LANGUAGES", "Text", "Told", "render", "render_strictly", "summary", "take_broken", "told"]
