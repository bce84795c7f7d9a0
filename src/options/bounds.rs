//! The bounds of options, beyond those of their types.
//!
//! Owns: the bounds, and the texts of refusals.
//! Always true: a value that cannot work, such as a mark of 0 or a pause of 0, is refused and not rounded to one that
//! works. If it means "no limit" in libzmq, the refusal names `None`.
//! Must not know: which option has which bounds.

use std::time::Duration;

use highwater_patterns::Message;

use super::value::OptionalValue;
use super::{IpcPermissions, Keepalive, OptionError, OptionValue};

/// The values of its type that an option takes.
pub(crate) struct Bounds<T: 'static> {
    holds: fn(&T) -> bool,
    expected: &'static str,
}

impl<T: OptionValue> Bounds<T> {
    /// All values of the type.
    pub(crate) const NONE: Self = Self {
        holds: |_| true,
        expected: T::EXPECTED,
    };

    /// `value`, if the option `name` takes it.
    pub(crate) fn check(&self, name: &'static str, value: T) -> Result<T, OptionError> {
        if (self.holds)(&value) {
            Ok(value)
        } else {
            Err(self.refusal(name))
        }
    }

    /// Reads a value of the option `name` from `text`.
    pub(crate) fn parse(&self, name: &'static str, text: &str) -> Result<T, OptionError> {
        T::parse(text)
            .ok_or_else(|| self.refusal(name))
            .and_then(|value| self.check(name, value))
    }

    fn refusal(&self, name: &'static str) -> OptionError {
        OptionError::Invalid {
            name,
            expected: self.expected,
        }
    }
}

/// The bounds of an option of type `$type`: those named, or all values of the type.
macro_rules! bounds_of {
    ($type:ty) => {
        $crate::options::bounds::Bounds::<$type>::NONE
    };
    ($type:ty, $bounds:path) => {
        $bounds
    };
}

pub(crate) use bounds_of;

pub(crate) const MESSAGES: Bounds<Option<usize>> = Bounds {
    holds: |mark| *mark != Some(0),
    expected: "a number of messages from 1, or none (None) for no limit",
};

pub(crate) const ATTEMPTS: Bounds<Option<usize>> = Bounds {
    holds: |attempts| *attempts != Some(0),
    expected: "a number of attempts from 1, or none (None) for no limit",
};

pub(crate) const HANDSHAKES: Bounds<Option<usize>> = Bounds {
    holds: |handshakes| *handshakes != Some(0),
    expected: "a number of handshakes from 1, or none (None) for no limit",
};

pub(crate) const BYTES: Bounds<Option<usize>> = Bounds {
    holds: |bytes| *bytes != Some(0),
    expected: "a number of bytes from 1, or none (None) for no limit",
};

/// Sizes of buffers: the system takes them as an `int`.
pub(crate) const BUFFER: Bounds<Option<usize>> = Bounds {
    holds: |bytes| bytes.is_none_or(|bytes| (1..=INT_MAX as usize).contains(&bytes)),
    expected: "a number of bytes from 1 to 2147483647, or none (None) to leave it to the system",
};

pub(crate) const BACKLOG: Bounds<u32> = Bounds {
    holds: |count| (1..=INT_MAX).contains(count),
    expected: "a whole number from 1 to 2147483647",
};

pub(crate) const PAUSE: Bounds<Duration> = Bounds {
    holds: |pause| *pause >= LEAST,
    expected: "milliseconds, 1 or more",
};

pub(crate) const TIME_LIMIT: Bounds<Option<Duration>> = Bounds {
    holds: |limit| limit.is_none_or(|limit| limit >= LEAST),
    expected: "milliseconds, 1 or more, or none (None) for no limit",
};

pub(crate) const HEARTBEAT: Bounds<Option<Duration>> = Bounds {
    holds: |interval| interval.is_none_or(|interval| interval >= LEAST),
    expected: "milliseconds, 1 or more, or none (None) for no heartbeats",
};

/// Times that every peer understands. A PING can carry more, 16 bits of tenths of a second, but libzmq multiplies them by 100
/// in 16 bits.
pub(crate) const TTL: Bounds<Option<Duration>> = Bounds {
    holds: |ttl| ttl.is_none_or(|ttl| (LEAST..=Duration::from_millis(65_500)).contains(&ttl)),
    expected: "milliseconds from 1 to 65500, or none (None) not to ask",
};

pub(crate) const USER_TIMEOUT: Bounds<Option<Duration>> = Bounds {
    holds: |timeout| {
        timeout.is_none_or(|timeout| (1..=u128::from(INT_MAX)).contains(&timeout.as_millis()))
    },
    expected: "milliseconds from 1 to 2147483647, or none (None) to leave it to the system",
};

/// Source: tcp(7) and Linux's `MAX_TCP_KEEPIDLE`, `MAX_TCP_KEEPINTVL`, `MAX_TCP_KEEPCNT`; other systems take as much.
pub(crate) const PROBES: Bounds<Keepalive> = Bounds {
    holds: |keepalive| match keepalive {
        Keepalive::Off | Keepalive::System | Keepalive::On => true,
        Keepalive::Every {
            idle,
            interval,
            count,
        } => {
            (1..=32_767).contains(&idle.as_secs())
                && (1..=32_767).contains(&interval.as_secs())
                && (1..=127).contains(count)
        }
    },
    expected: "off, on, system, or idle,interval,count (milliseconds twice, 1000 to 32767999, and a number from 1 to 127)",
};

/// Source: netdevice(7), `IFNAMSIZ`, which counts a final zero.
pub(crate) const DEVICE: Bounds<Option<String>> = Bounds {
    holds: |device| {
        device.as_ref().is_none_or(|name| {
            (1..=15).contains(&name.len())
                && !name.contains(|part: char| part == '/' || part == '\0' || part.is_whitespace())
        })
    },
    expected: "the name of a network interface, or none (None) for any",
};

pub(crate) const MODE: Bounds<IpcPermissions> = Bounds {
    holds: |permissions| match permissions {
        IpcPermissions::Umask => true,
        IpcPermissions::Mode(mode) => *mode <= 0o777,
    },
    expected: IpcPermissions::EXPECTED,
};

/// What a peer can receive: an XPUB could send no other message to it.
pub(crate) const WELCOME: Bounds<Option<Message>> = Bounds {
    holds: |welcome| {
        welcome
            .as_ref()
            .is_none_or(|message| message.frame_count() <= Message::MAX_FRAMES)
    },
    expected: <Message as OptionalValue>::OR_NONE,
};

/// Bytes of topics: at least what the shortest topic costs.
pub(crate) const TOPICS: Bounds<usize> = Bounds {
    holds: |bytes| *bytes >= 64,
    expected: "a number of bytes from 64",
};

/// The shortest time that does not make a busy loop.
const LEAST: Duration = Duration::from_millis(1);

const INT_MAX: u32 = i32::MAX as u32;
