//! The options that change what a pattern does.
//!
//! Owns: [`PatternOptions`] and the small types that say what its switches mean.
//! Always true: the default is the behaviour of `highwater` without options; every pattern reads only its own part.
//! Must not know: how an option is named or set by a user.

use std::error::Error;
use std::fmt;
use std::str::FromStr;

use crate::Message;

/// Everything about a pattern that can be chosen. One value serves all socket types; each reads its own part.
///
/// ```
/// use highwater_patterns::{Pattern, PatternOptions, SlowSubscriber, SocketType};
///
/// let options = PatternOptions {
///     slow_subscriber: SlowSubscriber::Refuse,
///     ..PatternOptions::default()
/// };
/// let publisher = Pattern::new(SocketType::Pub, &options);
/// assert_eq!(publisher.kind(), SocketType::Pub);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PatternOptions {
    /// Where generated routing ids (ROUTER) and request ids (REQ) begin; best drawn at random. Default 0.
    /// Read when the pattern is made.
    pub seed: u32,
    /// DEALER, ROUTER, REQ: send one empty message to every new connection, as a probe. Default no.
    pub probe: bool,
    /// ROUTER: how a message that cannot be delivered is treated. Default [`Undeliverable::GiveBack`].
    pub undeliverable: Undeliverable,
    /// ROUTER: how a peer that announces an id already in use is treated. Default [`DuplicateId::Refuse`].
    pub duplicate_id: DuplicateId,
    /// REQ: a request may be sent while one is out; the older one is abandoned. Default no.
    pub relaxed: bool,
    /// REQ: number the requests, and take only the reply of the same number. Default no.
    pub correlated: bool,
    /// REQ: how a request is treated whose peer disconnects. Default [`LostPeer::Fail`].
    pub lost_peer: LostPeer,
    /// PUB, XPUB: how a subscriber without room is treated. Default [`SlowSubscriber::DropNewest`].
    pub slow_subscriber: SlowSubscriber,
    /// PUB, XPUB: send a message to the peers whose topics do *not* match it; SUB: deliver messages that do not match.
    /// Default no.
    pub invert_matching: bool,
    /// XPUB: which subscriptions the application sees. Default [`Notices::FirstAndLast`].
    pub notices: Notices,
    /// XPUB: the application decides which topics a subscriber gets; no subscription is applied by itself. Default no.
    pub manual: bool,
    /// XPUB: a message sent to every new connection before anything else, whatever it subscribes to. Default none.
    pub welcome: Option<Message>,
    /// XPUB, XSUB: a later frame of a message is a subscription only if the first one is. Default no.
    pub only_first_subscribe: bool,
    /// XSUB: pass on every unsubscribe, not only a topic's last. Default no.
    pub verbose_unsubscribe: bool,
    /// PUB, XPUB: how many bytes the topics of one peer may take. Each topic counts with 256 bytes of overhead, about
    /// its real cost. Topics beyond are dropped and counted. Default 64 MiB: a quarter of a million topics.
    pub topic_bytes_per_peer: usize,
    /// XPUB: how many bytes of subscriptions and upstream messages may wait for the application, each counted with 64
    /// bytes of overhead. Above it, the pipes are not read. Default 64 MiB.
    pub upstream_backlog_bytes: usize,
}

impl Default for PatternOptions {
    fn default() -> Self {
        Self {
            seed: 0,
            probe: false,
            undeliverable: Undeliverable::default(),
            duplicate_id: DuplicateId::default(),
            relaxed: false,
            correlated: false,
            lost_peer: LostPeer::default(),
            slow_subscriber: SlowSubscriber::default(),
            invert_matching: false,
            notices: Notices::default(),
            manual: false,
            welcome: None,
            only_first_subscribe: false,
            verbose_unsubscribe: false,
            topic_bytes_per_peer: 64 << 20,
            upstream_backlog_bytes: 64 << 20,
        }
    }
}

/// What a ROUTER does with a message whose routing id no peer has, or whose pipe is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Undeliverable {
    /// Gives it back in the error, which says which of the two it was: no route, or no room.
    #[default]
    GiveBack,
    /// Drops and counts it. libzmq does this by default.
    Drop,
}

/// What a ROUTER does with a peer that announces the routing id of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DuplicateId {
    /// The new peer is refused before its handshake is done, and told why. It keeps its messages and tries again, and
    /// is admitted once the old peer has gone.
    #[default]
    Refuse,
    /// The new peer takes the id, and the old peer's connection ends. Messages that the old peer had sent can still be
    /// read: it is told, and read until it closes in turn, for at most 10 s. The new peer is the one whose handshake
    /// ends last, in whatever order the two had connected.
    HandOver,
}

/// How a REQ treats a request whose peer disconnects before its reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LostPeer {
    /// The request fails, and its call says that the peer has gone: `RequestError::PeerGone`.
    #[default]
    Fail,
    /// The request is sent again, to the next peer with room. Two peers may carry it out. A request that no peer takes, such as
    /// one over the peers' size limit, fails once as many peers as the option `send_attempts` says have ended their connection
    /// without a reply: `RequestError::CutOff`. A connection that ends by silence or by the network does not count.
    SendAgain,
}

/// What a PUB or XPUB does with a message when a subscriber that should get it has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SlowSubscriber {
    /// That subscriber misses the message; all others get it.
    #[default]
    DropNewest,
    /// The message is refused, and no subscriber gets it.
    Refuse,
    /// That subscriber's connection is ended; all others get the message.
    Evict,
}

/// Which subscriptions an XPUB shows to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notices {
    /// A topic's first subscribe and its last cancel.
    #[default]
    FirstAndLast,
    /// Every subscribe, also repeats, and of a topic's cancels the last. That one is shown as often as the subscribes
    /// were, so that an XSUB to which all of them are passed on ends with none. libzmq shows it once.
    EverySubscribe,
    /// Every subscribe and every cancel. A peer that subscribed several times to a topic sends only its last cancel
    /// (libzmq's SUB and ours). That one is shown as often as the peer's subscribes were. libzmq shows it once.
    Every,
}

/// Names each variant of a choice by a word.
macro_rules! words {
    ($($type:ident: $words:literal, $($variant:ident = $word:literal),+;)+) => {$(
        impl $type {
            /// The words, for the text of an error.
            #[doc(hidden)]
            pub const WORDS: &'static str = $words;
        }

        /// As the value of the option by name.
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self {
                    $(Self::$variant => $word,)+
                })
            }
        }

        /// From the value of the option by name.
        impl FromStr for $type {
            type Err = InvalidChoice;

            fn from_str(text: &str) -> Result<Self, InvalidChoice> {
                match text {
                    $($word => Ok(Self::$variant),)+
                    _ => Err(InvalidChoice { words: $words }),
                }
            }
        }
    )+

        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn each_choice_reads_back_from_its_text() {
                $(
                    let mut words = Vec::new();
                    $(
                        let choice = $type::$variant;
                        assert_eq!(choice.to_string(), $word);
                        assert_eq!($word.parse(), Ok(choice));
                        assert!($type::WORDS.contains($word));
                        words.push($word);
                    )+
                    for bad in ["", "none", &words[0].to_uppercase()] {
                        let error = bad.parse::<$type>().expect_err("no choice");
                        assert_eq!(error.to_string(), format!("not one of these: {}", $words));
                    }
                    assert_eq!(format!("{:>20}", $type::default()).len(), 20);
                )+
            }
        }
    };
}

words! {
    Undeliverable: "give_back or drop", GiveBack = "give_back", Drop = "drop";
    DuplicateId: "refuse or hand_over", Refuse = "refuse", HandOver = "hand_over";
    LostPeer: "fail or send_again", Fail = "fail", SendAgain = "send_again";
    SlowSubscriber: "drop_newest, refuse or evict",
        DropNewest = "drop_newest", Refuse = "refuse", Evict = "evict";
    Notices: "first_and_last, every_subscribe or every",
        FirstAndLast = "first_and_last", EverySubscribe = "every_subscribe", Every = "every";
}

/// A text that names no choice of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidChoice {
    /// The words that name one.
    pub words: &'static str,
}

impl fmt::Display for InvalidChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not one of these: {}", self.words)
    }
}

impl Error for InvalidChoice {}
