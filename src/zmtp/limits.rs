//! How much one message and one command of a peer may be, whatever the options say.

use highwater_patterns::Message;

/// The most frames of one message.
pub(crate) const MAX_FRAMES: usize = Message::MAX_FRAMES;

/// The longest body of a command, in bytes. Of a longer SUBSCRIBE or CANCEL, the rest is passed over.
pub(crate) const MAX_COMMAND: usize = 64 * 1024;
