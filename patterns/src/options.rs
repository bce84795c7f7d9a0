//! The options that change what a pattern does.
//!
//! Owns: [`PatternOptions`] and the small types that say what its switches mean.
//! Always true: the default is what `highwater` does when nobody asks; every pattern reads only what concerns it.
//! Must not know: how an option is named or set by a user.

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
    /// DEALER, ROUTER, REQ: say hello to every new connection with one empty message. Default no.
    pub probe: bool,
    /// ROUTER: what becomes of a message that cannot be delivered. Default [`Undeliverable::GiveBack`].
    pub undeliverable: Undeliverable,
    /// ROUTER: what becomes of a peer that announces an id already in use. Default [`DuplicateId::Refuse`].
    pub duplicate_id: DuplicateId,
    /// REQ: a request may be sent while one is out; the older one is abandoned. Default no.
    pub relaxed: bool,
    /// REQ: number the requests, and take only the reply of the same number. Default no.
    pub correlated: bool,
    /// REQ: what becomes of a request whose peer goes. Default [`LostPeer::Fail`].
    pub lost_peer: LostPeer,
    /// PUB, XPUB: what a subscriber without room means. Default [`SlowSubscriber::DropNewest`].
    pub slow_subscriber: SlowSubscriber,
    /// PUB, XPUB: send to whom the topic does *not* match; SUB: deliver what does not match. Default no.
    pub invert_matching: bool,
    /// XPUB: which subscriptions the application sees. Default [`Notices::FirstAndLast`].
    pub notices: Notices,
    /// XPUB: the application decides which topics a subscriber gets; nothing is applied by itself. Default no.
    pub manual: bool,
    /// XPUB: sent to every new connection before anything else, whatever it subscribes to. Default none.
    pub welcome: Option<Message>,
    /// XPUB, XSUB: a later frame of a message is a subscription only if the first one is. Default no.
    pub only_first_subscribe: bool,
    /// XSUB: pass on every unsubscribe, not only a topic's last. Default no.
    pub verbose_unsubscribe: bool,
    /// PUB, XPUB: how many bytes the topics of one peer may take, each counted with 256 bytes of overhead, which
    /// is about what it takes. What goes beyond is dropped and counted. Default 64 MiB: a quarter of a million topics.
    pub topic_bytes_per_peer: usize,
    /// XPUB: how many bytes of subscriptions and upstream messages wait for the application, each counted with 64
    /// bytes of overhead, before the pipes are not read any more. Default 64 MiB.
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

/// What a ROUTER does with a message for nobody, or for a full pipe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Undeliverable {
    /// Refuses it: [`Refusal::NoRoute`](crate::Refusal::NoRoute) or [`Refusal::Full`](crate::Refusal::Full).
    #[default]
    GiveBack,
    /// Drops it, counted, as libzmq does unless told otherwise.
    Drop,
}

/// What a ROUTER does with a peer that announces the routing id of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DuplicateId {
    /// The new peer is refused before its handshake is done, and told so: it keeps its messages and tries again. It is let
    /// in once the old one has gone.
    #[default]
    Refuse,
    /// The new peer takes the id, and the old one's connection ends. What the old one had sent can still be read: it is
    /// told, and read until it closes in its turn, for 10 s at most. New is whose handshake ends last, in whatever order
    /// they had connected.
    HandOver,
}

/// What a REQ does when the peer that has its request goes without a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LostPeer {
    /// The request fails, and its call says that the peer has gone: `RequestError::PeerGone`.
    #[default]
    Fail,
    /// The request is sent again, to the next peer with room; so a peer may see it twice.
    SendAgain,
}

/// What a PUB or XPUB does with a message when a subscriber that should get it has no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum SlowSubscriber {
    /// That subscriber misses the message; all others get it.
    #[default]
    DropNewest,
    /// The message is refused, and nobody gets it.
    Refuse,
    /// That subscriber's connection is ended; all others get the message.
    Evict,
}

/// Which subscriptions an XPUB shows to the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Notices {
    /// A topic's first subscriber and the going of its last.
    #[default]
    FirstAndLast,
    /// Every subscribe, also repeats; of the cancels the last, which is then seen as often as the subscribes were, so that
    /// an XSUB to which all of them are passed on comes to an end. libzmq shows it once.
    EverySubscribe,
    /// Every subscribe and every cancel. Of one that subscribed several times only the last cancel arrives, from SUBs of
    /// libzmq as from ours; it is seen as often as those subscribes were. libzmq shows it once.
    Every,
}
