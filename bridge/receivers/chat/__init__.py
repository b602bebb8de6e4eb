"""What all chats have in common: one message for each incident, kept true in place; what to do hangs below it; a ring is new.

    opened               a message in the room; below it, in its thread, what to do
    escalated, reminder  a new message that everybody in the room sees and is notified of; the first one is edited
    updated              the first one is edited, which notifies nobody; a line in its thread when the sentence is another
    closed               the first one is edited, and a line in its thread

A product's own module says how a message is written there, posted and edited. Every step has a key that follows from its notice,
or from its thread for what a thread has only once, so that a retry is the same message again: whether the other side knows keys
or has to be asked for them is the module's affair. Once the notice's own word is said, nothing that merely goes with it keeps the
next notices waiting.
"""

from bridge.receivers.chat.message import Fixed, Gone, Message, Refused, TooLong, Where
from bridge.receivers.chat.receiver import ChatReceiver, ChatSettings

__all__ = ["ChatReceiver", "ChatSettings", "Fixed", "Gone", "Message", "Refused", "TooLong", "Where"]
