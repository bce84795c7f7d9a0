//! How much one message and one command of a peer may be, whatever the options say.

use highwater_patterns::Message;

/// The most frames of one message.
pub(crate) const MAX_FRAMES: usize = Message::MAX_FRAMES;

/// The longest body of a command, in bytes. The rest of a longer SUBSCRIBE or CANCEL is skipped.
pub(crate) const MAX_COMMAND: usize = 64 * 1024;
