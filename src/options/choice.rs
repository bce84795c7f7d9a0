//! Options that are a choice between a few variants.
//!
//! Owns: their types, and their texts in the table by name.
//! Must not know: the effect of a choice.

use std::fmt;
use std::time::Duration;

use super::OptionValue;
use crate::transport::Ipv6Mode;

/// How unsent messages are treated when a socket closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Linger {
    /// They are dropped, and counted.
    Discard,
    /// They are sent in the background within this time; the rest is dropped, and counted. The last owner of a
    /// [`Context`](crate::Context) waits for that when it is dropped.
    AtMost(Duration),
    /// They are sent in the background, however long it takes; the last owner of a [`Context`](crate::Context) waits
    /// for that. A peer that has acknowledged the last byte has another 30 s to close its side.
    Forever,
}

/// A time of zero discards them.
impl From<Duration> for Linger {
    fn from(time: Duration) -> Self {
        if time.is_zero() {
            Self::Discard
        } else {
            Self::AtMost(time)
        }
    }
}

/// TCP keepalive: how the kernel detects that a silent peer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keepalive {
    /// No probes.
    Off,
    /// The system's setting for new sockets, which is usually off.
    System,
    /// Probes at the system's own times.
    On,
    /// Probes after `idle`, then every `interval`, giving up after `count`.
    Every {
        /// Silence before the first probe.
        idle: Duration,
        /// Time between probes.
        interval: Duration,
        /// Unanswered probes before the connection is given up.
        count: u32,
    },
}

/// The permissions of an `ipc://` path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IpcPermissions {
    /// By the umask of the process.
    Umask,
    /// These mode bits, such as `0o660`. Connecting needs write permission.
    Mode(u32),
}

/// The events that end the attempts to connect again, beside [`reconnect_attempts`](crate::Builder::reconnect_attempts).
///
/// ```
/// use highwater::{Context, Push, ReconnectStop};
///
/// let stop = ReconnectStop::NEVER.after_refused().after_failed_handshake();
/// let push = Push::builder(&Context::new()).reconnect_stop(stop).build();
/// assert_eq!(push.option("reconnect_stop")?, "refused,handshake_failed");
/// # Ok::<(), highwater::OptionError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReconnectStop {
    pub(crate) refused: bool,
    pub(crate) handshake_failed: bool,
    pub(crate) disconnected: bool,
}

impl ReconnectStop {
    /// No further condition ends them.
    pub const NEVER: Self = Self {
        refused: false,
        handshake_failed: false,
        disconnected: false,
    };

    /// Also end if nothing listens at the endpoint: connection refused, or no such `ipc://` path.
    #[must_use]
    pub fn after_refused(mut self) -> Self {
        self.refused = true;
        self
    }

    /// Also end after a handshake that fails for any reason, including a peer that closes during it.
    #[must_use]
    pub fn after_failed_handshake(mut self) -> Self {
        self.handshake_failed = true;
        self
    }

    /// Also end after the loss of a connection that had worked.
    #[must_use]
    pub fn after_disconnect(mut self) -> Self {
        self.disconnected = true;
        self
    }
}

impl From<u32> for IpcPermissions {
    fn from(mode: u32) -> Self {
        Self::Mode(mode)
    }
}

/// Gives each of these the text that [`set_option`](crate::Push::set_option) takes and [`option`](crate::Push::option) gives.
macro_rules! displays_its_text {
    ($($type:ty)+) => {$(
        /// As the value of an option by name.
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.print())
            }
        }
    )+};
}

displays_its_text! { Linger Keepalive IpcPermissions Ipv6Mode ReconnectStop }

impl OptionValue for Linger {
    const EXPECTED: &'static str = "discard, forever, or milliseconds";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "discard" => Some(Self::Discard),
            "forever" => Some(Self::Forever),
            _ => Duration::parse(text).map(Self::AtMost),
        }
    }

    fn print(&self) -> String {
        match self {
            Self::Discard => "discard".to_owned(),
            Self::Forever => "forever".to_owned(),
            Self::AtMost(most) => most.print(),
        }
    }
}

impl OptionValue for Keepalive {
    const EXPECTED: &'static str =
        "off, on, system, or idle,interval,count (milliseconds twice, a number)";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "on" => Some(Self::On),
            "system" => Some(Self::System),
            _ => {
                let mut parts = text.split(',');
                let every = Self::Every {
                    idle: Duration::parse(parts.next()?)?,
                    interval: Duration::parse(parts.next()?)?,
                    count: u32::parse(parts.next()?)?,
                };
                parts.next().is_none().then_some(every)
            }
        }
    }

    fn print(&self) -> String {
        match self {
            Self::Off => "off".to_owned(),
            Self::On => "on".to_owned(),
            Self::System => "system".to_owned(),
            Self::Every {
                idle,
                interval,
                count,
            } => {
                format!("{},{},{count}", idle.print(), interval.print())
            }
        }
    }
}

impl OptionValue for IpcPermissions {
    const EXPECTED: &'static str = "umask, or mode bits in octal such as 660";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "umask" => Some(Self::Umask),
            _ => u32::from_str_radix(text, 8)
                .ok()
                .filter(|mode| *mode <= 0o777)
                .map(Self::Mode),
        }
    }

    fn print(&self) -> String {
        match self {
            Self::Umask => "umask".to_owned(),
            Self::Mode(mode) => format!("{mode:o}"),
        }
    }
}

impl OptionValue for Ipv6Mode {
    const EXPECTED: &'static str = "off, dual or only";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
            "dual" => Some(Self::Dual),
            "only" => Some(Self::Only),
            _ => None,
        }
    }

    fn print(&self) -> String {
        match self {
            Self::Off => "off",
            Self::Dual => "dual",
            Self::Only => "only",
        }
        .to_owned()
    }
}

impl OptionValue for ReconnectStop {
    const EXPECTED: &'static str = "never, or some of refused,handshake_failed,disconnected";

    fn parse(text: &str) -> Option<Self> {
        if text == "never" {
            return Some(Self::NEVER);
        }
        text.split(',')
            .try_fold(Self::NEVER, |stop, word| match word {
                "refused" => Some(stop.after_refused()),
                "handshake_failed" => Some(stop.after_failed_handshake()),
                "disconnected" => Some(stop.after_disconnect()),
                _ => None,
            })
    }

    fn print(&self) -> String {
        let words = [
            (self.refused, "refused"),
            (self.handshake_failed, "handshake_failed"),
            (self.disconnected, "disconnected"),
        ];
        let set: Vec<&str> = words
            .iter()
            .filter_map(|(set, word)| set.then_some(*word))
            .collect();
        if set.is_empty() {
            "never".to_owned()
        } else {
            set.join(",")
        }
    }
}
