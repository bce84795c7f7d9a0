//! What can be set on a socket, each with its unit, default and moment of effect.
//!
//! Owns: the one definition of every option, from which the typed setters and the table by name are made.
//! Always true: a default is stated once, here; meaning is in the type and not in -1 or 0.
//! Must not know: who obeys.

pub(crate) mod pattern;

use std::error::Error;
use std::fmt;
use std::time::Duration;

use highwater_patterns::RoutingId;

use crate::pipe::HighWater;
use crate::transport::{KeepAlive, ListenOptions, StreamOptions};

/// What becomes of unsent messages when a socket closes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Linger {
    /// They are dropped, and counted.
    Discard,
    /// They are sent in the background as long as this takes; what is left then is dropped, and counted.
    AtMost(Duration),
    /// They are sent in the background, however long it takes.
    Forever,
}

/// TCP keepalive: how the kernel finds out that a silent peer is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Keepalive {
    /// No probes.
    Off,
    /// Probes at the system's own times.
    System,
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

/// Why an option could not be set by name.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum OptionError {
    /// There is no option of this name.
    Unknown {
        /// The name.
        name: String,
    },
    /// The value does not read as one of this option.
    Invalid {
        /// The option.
        name: &'static str,
        /// What its values look like.
        expected: &'static str,
    },
    /// The option has its effect when the socket is built and cannot change later.
    Fixed {
        /// The option.
        name: &'static str,
    },
}

impl fmt::Display for OptionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(f, "there is no option {name:?}"),
            Self::Invalid { name, expected } => write!(f, "{name} takes {expected}"),
            Self::Fixed { name } => write!(f, "{name} cannot be changed once the socket is built"),
        }
    }
}

impl Error for OptionError {}

/// A value as text, for the table by name.
pub(crate) trait OptionValue: Sized {
    /// What values look like, for the error.
    const EXPECTED: &'static str;

    fn parse(text: &str) -> Option<Self>;
    fn print(&self) -> String;
}

macro_rules! options {
    ($(
        $(#[$doc:meta])*
        $name:ident: $type:ty = $default:expr $(, $live:ident)?;
    )+) => {
        /// The options of one socket.
        #[derive(Debug, Clone)]
        pub(crate) struct Options {
            $(pub(crate) $name: $type,)+
        }

        impl Default for Options {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Options {
            /// The names of all options, in order of definition.
            pub(crate) const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// Sets the option `name` from text. `built` says that the socket exists, so that only what takes
            /// effect later than that may change.
            pub(crate) fn set(&mut self, name: &str, value: &str, built: bool) -> Result<(), OptionError> {
                match name {
                    $(stringify!($name) => {
                        if built && !options!(@live $($live)?) {
                            return Err(OptionError::Fixed { name: stringify!($name) });
                        }
                        self.$name = <$type as OptionValue>::parse(value).ok_or(OptionError::Invalid {
                            name: stringify!($name),
                            expected: <$type as OptionValue>::EXPECTED,
                        })?;
                        Ok(())
                    })+
                    _ => Err(OptionError::Unknown { name: name.to_owned() }),
                }
            }

            /// The value of the option `name` as text, such as `set` takes it.
            pub(crate) fn get(&self, name: &str) -> Result<String, OptionError> {
                match name {
                    $(stringify!($name) => Ok(OptionValue::print(&self.$name)),)+
                    _ => Err(OptionError::Unknown { name: name.to_owned() }),
                }
            }
        }

        impl<S> crate::facade::Builder<S> {
            $(
                $(#[$doc])*
                #[must_use]
                pub fn $name(mut self, value: impl Into<$type>) -> Self {
                    self.options.$name = value.into();
                    self
                }
            )+
        }
    };
    (@live) => { false };
    (@live live) => { true };
}

options! {
    /// Messages that may wait to be sent, for each peer; `None` for no limit. Default: 1000.
    ///
    /// Counts whole messages that the kernel has not taken. Exact: with no reader and no connection, just so many
    /// sends succeed. Takes effect on pipes made afterwards. As libzmq's `ZMQ_SNDHWM`.
    send_high_water_mark: Option<usize> = Some(1000), live;

    /// Messages that may wait to be received, for each peer; `None` for no limit. Default: 1000.
    ///
    /// At the mark the connection is not read any more, so that the peer's queue fills in turn. A read that is
    /// under way is taken whole, which can be up to 64 KiB more. Takes effect on pipes made afterwards. As libzmq's
    /// `ZMQ_RCVHWM`.
    receive_high_water_mark: Option<usize> = Some(1000), live;

    /// Bytes that may wait to be sent, for each peer, beside the mark in messages; `None` for no limit (default).
    ///
    /// One message always fits, whatever its size. Takes effect on pipes made afterwards. libzmq has no such option.
    send_high_water_bytes: Option<usize> = None, live;

    /// Bytes that may wait to be received, for each peer, beside the mark in messages; `None` for no limit (default).
    ///
    /// One message always fits, whatever its size. Takes effect on pipes made afterwards. libzmq has no such option.
    receive_high_water_bytes: Option<usize> = None, live;

    /// What becomes of unsent messages on close. Default: [`Linger::AtMost`] 30 s.
    ///
    /// Read when the socket closes, or lets go of an endpoint. libzmq's default is for ever.
    linger: Linger = Linger::AtMost(Duration::from_secs(30)), live;

    /// How long `send` waits for a peer with room; `None` to wait for ever (default). Read at each call.
    send_timeout: Option<Duration> = None, live;

    /// How long `recv` waits for a message; `None` to wait for ever (default). Read at each call.
    receive_timeout: Option<Duration> = None, live;

    /// The pause before the first attempt to connect again. Default: 100 ms. Takes effect on later connects.
    ///
    /// It doubles with each failure up to [`reconnect_interval_max`](Self::reconnect_interval_max), and each pause
    /// is shortened by up to a quarter at random, so that many peers do not return at once. It starts over after a
    /// completed handshake.
    reconnect_interval: Duration = Duration::from_millis(100), live;

    /// The longest pause between attempts to connect. Default: 10 s. Takes effect on later connects.
    reconnect_interval_max: Duration = Duration::from_secs(10), live;

    /// Attempts in a row that may fail before the endpoint is given up; `None` to try for ever (default).
    ///
    /// Takes effect on later connects. A peer that answers with an ERROR or another security mechanism ends the
    /// attempts at once in any case, as it does in libzmq.
    reconnect_attempts: Option<usize> = None, live;

    /// How long one attempt to connect may take, `None` for as long as the system lets it. Default: 30 s.
    ///
    /// Takes effect on later connects. libzmq leaves it to the system.
    connect_timeout: Option<Duration> = Some(Duration::from_secs(30)), live;

    /// How long a handshake may take; `None` for no limit. Default: 30 s, as libzmq's `ZMQ_HANDSHAKE_IVL`.
    ///
    /// Takes effect on later binds and connects.
    handshake_timeout: Option<Duration> = Some(Duration::from_secs(30)), live;

    /// The time between heartbeats (PING); `None` for none. Default: 10 s. libzmq's default is none.
    ///
    /// Takes effect on later binds and connects.
    heartbeat_interval: Option<Duration> = Some(Duration::from_secs(10)), live;

    /// How long a peer may stay silent after a heartbeat. Default: 30 s. Takes effect on later binds and connects.
    ///
    /// Only peers that have answered one are given up; others are pinged and otherwise left alone.
    heartbeat_timeout: Duration = Duration::from_secs(30), live;

    /// How long the peer is asked to wait for our next sign of life before it gives us up, at most 6553.5 s; `None`
    /// not to ask (default). Takes effect on later binds and connects. As libzmq's `ZMQ_HEARTBEAT_TTL`.
    heartbeat_ttl: Option<Duration> = None, live;

    /// The largest message that a peer may send, in bytes, all frames together; `None` for no limit. Default: 1 GiB.
    ///
    /// A larger one ends the connection before its body is read. Takes effect on later binds and connects. libzmq
    /// counts each frame alone and has no limit by default.
    max_message_size: Option<usize> = Some(1 << 30), live;

    /// Queue messages only for peers that are connected. Default: `false`. Takes effect on later connects.
    ///
    /// Otherwise a connecting socket takes messages before its peer exists. With `true`, what waits for a peer is
    /// dropped with its connection, and counted. As libzmq's `ZMQ_IMMEDIATE`.
    immediate: bool = false, live;

    /// Keep only the latest message, for each peer. Default: `false`. Takes effect on later binds and connects.
    ///
    /// High-water marks do not apply then. Unlike libzmq's `ZMQ_CONFLATE`, messages of several frames stay whole.
    conflate: bool = false;

    /// The name by which a ROUTER peer knows this socket; `None` to be given one (default). REQ, DEALER, ROUTER.
    ///
    /// Takes effect on later binds and connects.
    routing_id: Option<RoutingId> = None, live;

    /// The kernel's send buffer, in bytes; `None` to leave it to the system (default), which is usually best.
    ///
    /// Takes effect on later binds and connects.
    send_buffer: Option<usize> = None, live;

    /// The kernel's receive buffer, in bytes; `None` to leave it to the system (default), which is usually best.
    ///
    /// Takes effect on later binds and connects.
    receive_buffer: Option<usize> = None, live;

    /// TCP keepalive. Default: [`Keepalive::System`]. Takes effect on later binds and connects.
    keepalive: Keepalive = Keepalive::System, live;

    /// How many connections may wait to be accepted. Default: 1024; the kernel may allow fewer.
    ///
    /// Takes effect on later binds.
    backlog: u32 = 1024, live;
}

/// How connections are set up.
impl From<&Options> for StreamOptions {
    fn from(options: &Options) -> Self {
        Self {
            keep_alive: match options.keepalive {
                Keepalive::Off => KeepAlive::Off,
                Keepalive::System => KeepAlive::default(),
                Keepalive::Every {
                    idle,
                    interval,
                    count,
                } => KeepAlive::On {
                    idle: Some(idle),
                    interval: Some(interval),
                    count: Some(count),
                },
            },
            send_buffer: options.send_buffer,
            receive_buffer: options.receive_buffer,
            ..Self::default()
        }
    }
}

/// How listeners are set up.
impl From<&Options> for ListenOptions {
    fn from(options: &Options) -> Self {
        Self {
            backlog: options.backlog,
            stream: StreamOptions::from(options),
            ..Self::default()
        }
    }
}

impl Options {
    pub(crate) fn send_limit(&self) -> HighWater {
        HighWater {
            messages: self.send_high_water_mark,
            bytes: self.send_high_water_bytes,
        }
    }

    pub(crate) fn receive_limit(&self) -> HighWater {
        HighWater {
            messages: self.receive_high_water_mark,
            bytes: self.receive_high_water_bytes,
        }
    }
}

impl OptionValue for bool {
    const EXPECTED: &'static str = "true or false";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl OptionValue for u32 {
    const EXPECTED: &'static str = "a whole number";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

impl OptionValue for usize {
    const EXPECTED: &'static str = "a whole number";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

/// Durations are written in milliseconds, with a fraction where they need one.
impl OptionValue for Duration {
    const EXPECTED: &'static str = "milliseconds";

    fn parse(text: &str) -> Option<Self> {
        let milliseconds: f64 = text.parse().ok()?;
        Self::try_from_secs_f64(milliseconds / 1000.0).ok()
    }

    fn print(&self) -> String {
        (self.as_secs_f64() * 1000.0).to_string()
    }
}

impl OptionValue for RoutingId {
    const EXPECTED: &'static str = "1 to 255 bytes";

    fn parse(text: &str) -> Option<Self> {
        Self::new(text).ok()
    }

    fn print(&self) -> String {
        self.to_string()
    }
}

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
        "off, system, or idle,interval,count (milliseconds twice, a number)";

    fn parse(text: &str) -> Option<Self> {
        match text {
            "off" => Some(Self::Off),
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

impl<T: OptionValue> OptionValue for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn parse(text: &str) -> Option<Self> {
        match text {
            "none" => Some(None),
            _ => T::parse(text).map(Some),
        }
    }

    fn print(&self) -> String {
        self.as_ref().map_or_else(|| "none".to_owned(), T::print)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_reads_back_what_it_prints() {
        let defaults = Options::default();
        let mut options = Options::default();
        for name in Options::NAMES {
            let text = defaults.get(name).expect("a name from the table");
            options.set(name, &text, false).expect("its own text");
            assert_eq!(options.get(name), Ok(text), "{name}");
        }
    }

    #[test]
    fn values_read_as_documented() {
        let mut options = Options::default();
        options
            .set("send_high_water_mark", "none", true)
            .expect("no limit");
        options.set("linger", "250", true).expect("milliseconds");
        options
            .set("keepalive", "1000,500,3", true)
            .expect("three parts");
        assert_eq!(options.send_high_water_mark, None);
        assert_eq!(options.linger, Linger::AtMost(Duration::from_millis(250)));
        assert_eq!(
            options.keepalive,
            Keepalive::Every {
                idle: Duration::from_secs(1),
                interval: Duration::from_millis(500),
                count: 3
            }
        );
    }

    #[test]
    fn a_wrong_name_value_or_moment_is_told_apart() {
        let mut options = Options::default();
        assert!(matches!(
            options.set("hwm", "1", false),
            Err(OptionError::Unknown { .. })
        ));
        assert!(matches!(
            options.set("linger", "soon", false),
            Err(OptionError::Invalid { name: "linger", .. })
        ));
        assert!(matches!(
            options.set("conflate", "true", true),
            Err(OptionError::Fixed { name: "conflate" })
        ));
    }
}
