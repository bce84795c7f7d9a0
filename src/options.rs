//! What can be set on a socket, each with its unit, default and moment of effect.
//!
//! Owns: the options as a value, and as a table by name; both are made from the one definition in `table.rs`.
//! Always true: meaning is in the type and not in -1 or 0.
//! Must not know: who obeys.

mod accept;
pub(crate) mod bounds;
mod choice;
mod hexadecimal;
mod metadata;
pub(crate) mod pattern;
mod proxy;
mod streams;
mod table;
#[cfg(test)]
mod tests;
mod value;

use std::time::Duration;

use bytes::Bytes;
use highwater_patterns::{RoutingId, SocketType};

pub use accept::AcceptFilter;
pub(crate) use bounds::bounds_of;
pub use choice::{IpcPermissions, Keepalive, Linger, ReconnectStop};
pub(crate) use metadata::Metadata;
pub(crate) use pattern::with_pattern_options;
pub use proxy::SocksProxy;
pub(crate) use table::with_options;
pub(crate) use value::OptionValue;

use crate::error::OptionError;
use crate::pipe::HighWater;
use crate::security::Security;
pub(crate) use crate::transport::Ipv6Mode;

macro_rules! define {
    ($(
        $(#[$doc:meta])*
        $name:ident: $type:ty = $default:expr $(, $flag:ident)* $(=> $bounds:path)?;
    )+) => {
        /// The options of one socket.
        #[derive(Debug, Clone)]
        pub(crate) struct Options {
            $(pub(crate) $name: $type,)+
            /// Has no name: secrets are not told as text.
            pub(crate) security: Security,
            /// The first value that a builder was given and that its option does not take; the option has another.
            refused: Option<OptionError>,
        }

        impl Default for Options {
            fn default() -> Self {
                Self { $($name: $default,)+ security: Security::default(), refused: None }
            }
        }

        impl Options {
            /// The names of all options, in order of definition.
            #[cfg(test)]
            pub(crate) const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// Sets the option `name` from text. `built` says that the socket exists, so that only what takes
            /// effect later than that may change.
            pub(crate) fn set(&mut self, name: &str, value: &str, built: bool) -> Result<(), OptionError> {
                match name {
                    $(stringify!($name) => {
                        if built && !define!(@live $($flag)*) {
                            return Err(OptionError::Fixed { name: stringify!($name) });
                        }
                        self.$name = bounds_of!($type $(, $bounds)?).parse(stringify!($name), value)?;
                        self.is_settled(name);
                        Ok(())
                    })+
                    _ => Err(OptionError::Unknown { name: name.to_owned() }),
                }
            }

            /// The names of those that have another value than they begin with.
            pub(crate) fn changed(&self) -> Vec<&'static str> {
                let initially = Self::default();
                let changed = [$((stringify!($name), self.$name != initially.$name)),+];
                let changed = changed.into_iter().filter(|(_, is_so)| *is_so);
                let changed = changed.map(|(name, _)| name);
                changed.chain(self.security.is_chosen().then_some("security")).collect()
            }

            /// The value of the option `name` as text, such as `set` takes it.
            pub(crate) fn get(&self, name: &str) -> Result<String, OptionError> {
                match name {
                    $(stringify!($name) => Ok(OptionValue::print(&self.$name)),)+
                    _ => Err(OptionError::Unknown { name: name.to_owned() }),
                }
            }
        }
    };
    (@live) => { false };
    (@live live $($setter:ident)?) => { true };
    (@live by_hand) => { false };
}

with_options!(define);

/// In which directions a socket keeps only the latest message of each peer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Conflation {
    pub(crate) sent: bool,
    pub(crate) received: bool,
}

impl Options {
    /// What a setter of a builder was given for the option `name`, if the option takes it. Otherwise that is remembered,
    /// to be told by whoever can: setters are chained, and give back no error.
    pub(crate) fn taken<T>(
        &mut self,
        name: &'static str,
        checked: Result<T, OptionError>,
    ) -> Option<T> {
        match checked {
            Ok(value) => {
                self.is_settled(name);
                Some(value)
            }
            Err(refused) => {
                self.refused.get_or_insert(refused);
                None
            }
        }
    }

    /// The option `name` has a value that it takes, whatever it was given before.
    pub(crate) fn is_settled(&mut self, name: &str) {
        self.refused.take_if(
            |refused| matches!(refused, OptionError::Invalid { name: known, .. } if *known == name),
        );
    }

    /// The first value that a builder was given in vain, as long as its option has not got another.
    pub(crate) fn refused(&self) -> Option<&OptionError> {
        self.refused.as_ref()
    }

    /// Whether a socket of this type can keep only the latest message, if it is to; it is not, if it cannot.
    pub(crate) fn check_conflate(&mut self, kind: SocketType) -> Result<(), OptionError> {
        let facts = kind.facts();
        let can = facts.conflates_sent || facts.conflates_received;
        if !can && std::mem::take(&mut self.conflate) {
            return Err(OptionError::Invalid {
                name: "conflate",
                expected: "false for REQ and REP, of which each message is answered",
            });
        }
        self.is_settled("conflate");
        Ok(())
    }

    /// A builder was given a value that its option does not take.
    pub(crate) fn refuse(&mut self, refused: OptionError) {
        self.refused.get_or_insert(refused);
    }

    /// Sets the property `name` that peers are told.
    pub(crate) fn set_property(&mut self, name: &str, value: Bytes) -> Result<(), OptionError> {
        if self.metadata.set(name, value) {
            Ok(())
        } else {
            Err(OptionError::Invalid {
                name: "metadata",
                expected: Metadata::EXPECTED,
            })
        }
    }

    /// Sets what peers are told of the payload.
    #[cfg(feature = "serde")]
    pub(crate) fn set_payload(&mut self, payload: String) -> Result<(), OptionError> {
        self.set_property(crate::zmtp::PAYLOAD, payload.into())
    }

    /// Of which messages a socket of this type keeps only the latest.
    pub(crate) fn conflation(&self, kind: SocketType) -> Conflation {
        let facts = kind.facts();
        Conflation {
            sent: facts.conflates_sent && self.conflate,
            received: facts.conflates_received && self.conflate,
        }
    }

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
