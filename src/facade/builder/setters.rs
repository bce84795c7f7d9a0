//! A setter for each option, made from the tables of `options`.
//!
//! Owns: how a setter looks; those of `conflate` and `metadata`, which take more than a value.
//! Always true: an option that has a row in a table has a setter, with the documentation of that row.
//! Must not know: names, defaults and bounds.

use std::time::Duration;

use bytes::Bytes;
use highwater_patterns::{
    DuplicateId, LostPeer, Message, Notices, RoutingId, SlowSubscriber, Undeliverable,
};

use super::Builder;
use crate::error::OptionError;
use crate::options::{
    AcceptFilter, IpcPermissions, Ipv6Mode, Keepalive, Linger, ReconnectStop, SocksProxy, bounds,
    bounds_of, with_options, with_pattern_options,
};
use crate::security::Security;

macro_rules! setters {
    ($(
        $(#[$doc:meta])*
        $name:ident: $type:ty = $default:expr $(, $flag:ident)* $(=> $bounds:path)?;
    )+) => {
        $(setters!(@setter { $(#[$doc])* } $name $type { $($bounds)? } $(, $flag)*);)+
    };
    (@setter $docs:tt $name:ident $type:ty { $($bounds:path)? } $(, live)?) => {
        setters!(@write $docs $name $type { $($bounds)? } impl Into<$type>, Into::into);
    };
    (@setter $docs:tt $name:ident $type:ty { $($bounds:path)? }, live, number) => {
        setters!(@write $docs $name $type { $($bounds)? } $type, std::convert::identity);
    };
    (@setter $docs:tt $name:ident $type:ty {}, live, by_hand) => {};
    (@setter $docs:tt $name:ident $type:ty {}, by_hand) => {};
    (@write { $(#[$doc:meta])* } $name:ident $type:ty { $($bounds:path)? } $given:ty, $convert:path) => {
        impl<S> Builder<S> {
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, value: $given) -> Self {
                let bounds = bounds_of!($type $(, $bounds)?);
                let checked = bounds.check(stringify!($name), $convert(value));
                if let Some(value) = self.options.taken(stringify!($name), checked) {
                    self.options.$name = value;
                }
                self
            }
        }
    };
}

with_options!(setters);

macro_rules! pattern_setters {
    ($($docs:tt $name:ident: $type:ty, of $($kind:ident)+ $(=> $bounds:path)?;)+) => {
        $(pattern_setters!(@each $docs $name { $($bounds)? } $type, $($kind)+);)+
    };
    (@each $docs:tt $name:ident $bounds:tt $type:ty, $($kind:ident)+) => {
        $(pattern_setters!(@write $docs $name $bounds $type, $kind);)+
    };
    (@write { $(#[$doc:meta])* } $name:ident { $($bounds:path)? } $type:ty, $kind:ident) => {
        impl Builder<crate::$kind> {
            $(#[$doc])*
            #[must_use]
            pub fn $name(mut self, value: impl Into<$type>) -> Self {
                let bounds = bounds_of!($type $(, $bounds)?);
                let checked = bounds.check(stringify!($name), value.into());
                if let Some(value) = self.options.taken(stringify!($name), checked) {
                    self.pattern.$name = value;
                }
                self
            }
        }
    };
}

with_pattern_options!(pattern_setters);

impl<S> Builder<S> {
    /// Keep only the latest message, for each peer. Default: `false`. Takes effect on later binds and connects, and cannot
    /// be changed once the socket is built.
    ///
    /// A sending socket keeps the latest message for each peer that cannot keep up; a receiving one keeps the latest
    /// from each peer; over every transport. Replaced messages are counted in
    /// [`Dropped::conflated`](crate::Dropped::conflated). High-water marks do not apply. PUSH, PULL, PUB, SUB, XPUB and
    /// XSUB conflate what goes from publishers to subscribers, and nothing that goes upstream; DEALER, ROUTER and PAIR
    /// conflate in both directions. REQ and REP refuse the option, since each request needs its reply: see
    /// [`try_build`](Self::try_build). A SUB keeps the message that arrives last, even if it has since unsubscribed
    /// from its topic. Unlike with libzmq's `ZMQ_CONFLATE`, messages of several frames stay whole.
    #[doc(alias = "ZMQ_CONFLATE")]
    #[must_use]
    pub fn conflate(mut self, value: impl Into<bool>) -> Self {
        self.options.conflate = value.into();
        if let Err(refused) = self.options.check_conflate(self.kind) {
            self.options.refuse(refused);
        }
        self
    }

    /// Tells peers the property `name` in the handshake; they find it in
    /// [`PeerInfo::metadata`](crate::PeerInfo::metadata). Default: none.
    ///
    /// A name is `X-` and at least one more letter, digit, `-`, `_`, `.` or `+`, compared without case. Setting a name
    /// again replaces its value. `X-Highwater` is this library's own. Takes effect on later binds and connects. As
    /// libzmq's `ZMQ_METADATA`. By name, the option `metadata` is all properties at once, such as
    /// `X-Role=feed;X-Zone=7`.
    ///
    /// One property has a meaning here: two ends that both have `X-Payload`, which says what the payload is, and differ in it
    /// do not connect ([`PayloadMismatch`](crate::ProtocolError::PayloadMismatch)). Typed sockets set it with `announce`.
    ///
    /// # Errors
    ///
    /// [`OptionError::Invalid`]: the name is invalid, or there would be more than 64 properties or 16 KiB of them.
    #[doc(alias = "ZMQ_METADATA")]
    pub fn metadata(mut self, name: &str, value: impl Into<Bytes>) -> Result<Self, OptionError> {
        // Copied: an owner of the application would be dropped wherever the last socket or peer lets go of it.
        let value = Bytes::copy_from_slice(&value.into());
        self.options.set_property(name, value)?;
        Ok(self)
    }

    /// How peers prove who they are, who of them may come in, and whether the traffic is sealed. Default: the mechanism
    /// NULL: no proof, everybody may come in, and nothing is sealed.
    ///
    /// Both ends have to speak the same mechanism: a peer with another one is refused in the handshake
    /// ([`MechanismMismatch`](crate::ProtocolError::MechanismMismatch)). Takes effect on the endpoints of this socket from
    /// the first on, and cannot be changed once it is built. It has no name for [`option`](Self::option), since it has
    /// secrets in it. Without effect within the process, as with libzmq. As libzmq's `ZMQ_PLAIN_*` and `ZMQ_CURVE_*`.
    #[doc(alias(
        "ZMQ_CURVE_SERVER",
        "ZMQ_CURVE_SERVERKEY",
        "ZMQ_CURVE_PUBLICKEY",
        "ZMQ_CURVE_SECRETKEY",
        "ZMQ_PLAIN_SERVER",
        "ZMQ_PLAIN_USERNAME",
        "ZMQ_PLAIN_PASSWORD",
        "ZMQ_ZAP_DOMAIN"
    ))]
    #[must_use]
    pub fn security(mut self, security: Security) -> Self {
        self.options.security = security;
        self
    }
}
