//! The options that only some socket types have: how slow, lost or ambiguous peers are treated.
//!
//! Owns: which type has which option, and the names.
//! Always true: an option takes effect at once, also on a socket in use, unless it says otherwise.
//! Must not know: how a pattern uses them; that is in `patterns`.

use highwater_patterns::{
    DuplicateId, LostPeer, Notices, PatternOptions, SlowSubscriber, SocketType, Undeliverable,
};

use super::bounds::{self, bounds_of};
use super::{OptionError, OptionValue};

/// Hands the options that only some socket types have to the macro `$reader`, a row as
/// `{ documentation } name: type, of types => bounds;`.
#[rustfmt::skip]
macro_rules! with_pattern_options {
    ($reader:ident) => { $reader! {
    {
        /// Send one empty message, a probe, to every new connection. Default: `false`.
        ///
        /// A ROUTER at the other end learns the routing id of this socket by it, before any other message. As libzmq's
        /// `ZMQ_PROBE_ROUTER`. Takes effect on connections made afterwards. A connection that is made again has no probe while as
        /// many messages wait for its peer as the high-water mark allows.
        #[doc(alias = "ZMQ_PROBE_ROUTER")]
    }
    probe: bool, of Dealer Router Req;

    {
        /// How a message is treated whose routing id no peer has, or whose peer is at its high-water mark.
        ///
        /// Default: [`Undeliverable::GiveBack`](crate::Undeliverable::GiveBack). libzmq drops it by default, uncounted,
        /// and gives it back with `ZMQ_ROUTER_MANDATORY`; a drop here is counted.
        #[doc(alias = "ZMQ_ROUTER_MANDATORY")]
    }
    undeliverable: Undeliverable, of Router;

    {
        /// How a peer that announces the routing id of another peer is treated.
        ///
        /// Default: [`DuplicateId::Refuse`](crate::DuplicateId::Refuse). libzmq calls the other way
        /// `ZMQ_ROUTER_HANDOVER`, and keeps a refused connection open without using it.
        #[doc(alias = "ZMQ_ROUTER_HANDOVER")]
    }
    duplicate_id: DuplicateId, of Router;

    {
        /// Number the requests, and take only the reply that bears the number. Default: `false`.
        ///
        /// Without numbers, the connection of a request that is given up is replaced, since its late reply could be
        /// taken for that to the next request. With numbers the connection stays. Turn them on if requests are given up
        /// often, if the connection cannot be made again ([`connect_fd`](crate::Req::connect_fd)), or if services of
        /// libzmq connect to this socket: those send late replies on their next connection. Every REP returns the
        /// number by itself; a service that reads requests with a ROUTER sees one more frame. Wire-compatible with
        /// libzmq's `ZMQ_REQ_CORRELATE`. Takes effect with the next request.
        #[doc(alias("ZMQ_REQ_CORRELATE", "ZMQ_REQ_RELAXED"))]
    }
    correlated: bool, of Req;

    {
        /// How a request is treated whose peer disconnects before its reply.
        ///
        /// Default: [`LostPeer::Fail`](crate::LostPeer::Fail); libzmq would go on waiting. Takes effect with the next
        /// request.
    }
    lost_peer: LostPeer, of Req;

    {
        /// How a message is treated when a subscriber to its topic is at its high-water mark.
        ///
        /// Default: [`SlowSubscriber::DropNewest`](crate::SlowSubscriber::DropNewest): that subscriber misses it. With
        /// [`SlowSubscriber::Refuse`](crate::SlowSubscriber::Refuse) (libzmq's `ZMQ_XPUB_NODROP`) `send` waits until
        /// all have room, at most `send_timeout`, and no subscriber gets the message before.
        #[doc(alias = "ZMQ_XPUB_NODROP")]
    }
    slow_subscriber: SlowSubscriber, of Pub XPub;

    {
        /// Invert the matching of topics. Default: `false`. As libzmq's `ZMQ_INVERT_MATCHING`.
        ///
        /// A publisher sends to the subscribers whose topics do *not* match; a subscriber takes messages that do not
        /// match. Both ends must set it, since a SUB filters once more.
        #[doc(alias = "ZMQ_INVERT_MATCHING")]
    }
    invert_matching: bool, of Pub XPub Sub;

    {
        /// Which subscriptions the application sees.
        ///
        /// Default: [`Notices::FirstAndLast`](crate::Notices::FirstAndLast). The others are libzmq's
        /// `ZMQ_XPUB_VERBOSE` and `ZMQ_XPUB_VERBOSER`.
        #[doc(alias("ZMQ_XPUB_VERBOSE", "ZMQ_XPUB_VERBOSER"))]
    }
    notices: Notices, of XPub;

    {
        /// The application decides which subscriber gets which topic: see [`grant`](crate::XPub::grant). Default:
        /// `false`.
        ///
        /// As libzmq's `ZMQ_XPUB_MANUAL`.
        #[doc(alias = "ZMQ_XPUB_MANUAL")]
    }
    manual: bool, of XPub;

    {
        /// A message sent to every new connection before anything else, whatever it subscribes to; `None` for none
        /// (default).
        ///
        /// A SUB drops it unless it has subscribed to the first frame. It counts against the send high-water mark: where an
        /// XPUB has connected to a peer that reads nothing and comes again, a connection that begins at the mark gets none,
        /// which is counted (`dropped.slow_subscriber`). A message of more than
        /// [`MAX_FRAMES`](crate::Message::MAX_FRAMES) frames is refused, as it is by `send`. By name, it is one frame of text,
        /// or frames in hexadecimal digits such as `0x6f6b,0x00`. As libzmq's `ZMQ_XPUB_WELCOME_MSG`.
        #[doc(alias = "ZMQ_XPUB_WELCOME_MSG")]
    }
    welcome: Option<Message>, of XPub => bounds::WELCOME;

    {
        /// In a message of several frames, only the first can be a subscription. Default: `false`.
        ///
        /// As libzmq's `ZMQ_ONLY_FIRST_SUBSCRIBE`.
        #[doc(alias = "ZMQ_ONLY_FIRST_SUBSCRIBE")]
    }
    only_first_subscribe: bool, of XPub XSub;

    {
        /// Pass on every unsubscribe, not only a topic's last. Default: `false`.
        ///
        /// A publisher keeps a topic once for each connection, so the first cancel ends it there, even if this socket is
        /// subscribed to it several times: leave it off where messages are to arrive until the last cancel, as behind a
        /// [`Proxy`](crate::Proxy). As libzmq's `ZMQ_XSUB_VERBOSE_UNSUBSCRIBE`.
        #[doc(alias = "ZMQ_XSUB_VERBOSE_UNSUBSCRIBE")]
    }
    verbose_unsubscribe: bool, of XSub;

    {
        /// How many bytes the topics of one peer may take; at least 64. Each topic counts with 256 bytes of overhead,
        /// about its real cost. Default: 64 MiB, a quarter of a million topics.
        ///
        /// Further topics are dropped and counted as [`too_many_topics`](crate::Dropped::too_many_topics). libzmq has
        /// no such bound.
    }
    topic_bytes_per_peer: usize, of Pub XPub => bounds::TOPICS;

    {
        /// How many bytes of subscriptions and upstream messages may wait for the application, of all peers together;
        /// at least 64. Default: 64 MiB. A message counts with 128 bytes more, a subscription or cancel with 256.
        ///
        /// A peer is read while less of it waits than is left of these bytes: one that nobody else competes with gets half
        /// of them, and two get a third each, so there is always something for another. libzmq has no such bound.
    }
    upstream_backlog_bytes: usize, of XPub => bounds::TOPICS;
    } };
}

pub(crate) use with_pattern_options;

macro_rules! define {
    ($($docs:tt $name:ident: $type:ty, of $($kind:ident)+ $(=> $bounds:path)?;)+) => {
        /// Sets the option `name` of a socket of type `kind` from text.
        pub(crate) fn set(
            options: &mut PatternOptions,
            kind: SocketType,
            name: &str,
            value: &str,
        ) -> Result<(), OptionError> {
            match (name, kind) {
                $((stringify!($name), $(SocketType::$kind)|+) => {
                    options.$name =
                        bounds_of!($type $(, $bounds)?).parse(stringify!($name), value)?;
                    Ok(())
                })+
                _ => Err(OptionError::Unknown { name: name.to_owned() }),
            }
        }

        /// The value of the option `name` of a socket of type `kind` as text.
        pub(crate) fn get(
            options: &PatternOptions,
            kind: SocketType,
            name: &str,
        ) -> Result<String, OptionError> {
            match (name, kind) {
                $((stringify!($name), $(SocketType::$kind)|+) => {
                    Ok(OptionValue::print(&options.$name))
                })+
                _ => Err(OptionError::Unknown { name: name.to_owned() }),
            }
        }

        /// Every option with the types that have it.
        #[cfg(test)]
        const TABLE: &[(&str, &[SocketType])] = &[
            $((stringify!($name), &[$(SocketType::$kind),+])),+
        ];
    };
}

with_pattern_options!(define);

/// The choices have their words in the crate of patterns.
macro_rules! choices {
    ($($type:ident)+) => {$(
        impl OptionValue for $type {
            const EXPECTED: &'static str = Self::WORDS;

            fn parse(text: &str) -> Option<Self> {
                text.parse().ok()
            }

            fn print(&self) -> String {
                self.to_string()
            }
        }
    )+};
}

choices! { Undeliverable DuplicateId LostPeer SlowSubscriber Notices }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_reads_back_what_it_prints_on_each_type_that_has_it() {
        for (name, kinds) in TABLE {
            for &kind in *kinds {
                let mut options = PatternOptions::default();
                let text = get(&options, kind, name).expect("a name from the table");
                set(&mut options, kind, name, &text).expect("its own text");
                assert_eq!(options, PatternOptions::default(), "{name}");
            }
        }
    }

    #[test]
    fn no_room_for_the_shortest_topic_is_refused() {
        let mut options = PatternOptions::default();
        for name in ["topic_bytes_per_peer", "upstream_backlog_bytes"] {
            let refused = set(&mut options, SocketType::XPub, name, "63");
            assert!(matches!(refused, Err(OptionError::Invalid { .. })));
            set(&mut options, SocketType::XPub, name, "64").expect("one topic");
        }
    }

    #[test]
    fn a_type_does_not_have_the_options_of_another() {
        let mut options = PatternOptions::default();
        assert!(matches!(
            set(&mut options, SocketType::Push, "probe", "true"),
            Err(OptionError::Unknown { .. })
        ));
        set(&mut options, SocketType::Pub, "slow_subscriber", "evict").expect("PUB has it");
        assert_eq!(options.slow_subscriber, SlowSubscriber::Evict);
        assert!(matches!(
            set(&mut options, SocketType::Router, "undeliverable", "lose"),
            Err(OptionError::Invalid {
                name: "undeliverable",
                ..
            })
        ));
    }
}
