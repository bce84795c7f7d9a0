//! The pure part of `highwater`: what a message is, and which pipe it takes.
//!
//! Owns: [`Message`], [`SocketType`] and [`RoutingId`]; the port [`Pipes`] through which a pattern touches the world;
//! the four strategies; one short file per socket type that composes them; [`Pattern`], which is any of these.
//! Always true: the same calls give the same answers. No clock, no socket, no thread, no lock, no random number.
//! Must not know: how bytes travel, which thread waits, what time it is.
#![forbid(unsafe_code)]

mod backlog;
mod body;
mod conversions;
mod dealer;
mod envelope;
mod facts;
mod frame;
mod frame_body;
#[cfg(test)]
mod hops;
mod inline_len;
mod into_message;
mod message;
mod one_type;
mod options;
mod outbound;
mod outcome;
mod pair;
mod pattern;
mod peer;
mod pipe_map;
mod pipes;
mod probe;
mod publish;
mod publisher;
mod pull;
mod push;
mod remains;
mod rep;
mod req;
mod router;
mod routing_id;
mod rules;
mod socket_type;
mod strategy;
mod sub;
mod subscriptions;
mod taken_apart;
#[cfg(test)]
mod testing;
mod trie;
mod upstream;
mod wanted_topics;
mod xpub;
mod xsub;

pub use body::Body;
pub use dealer::Dealer;
pub use facts::{Facts, Fate, MayRefuse};
pub use frame::{Frame, INLINE_CAPACITY};
pub use frame_body::FrameBody;
pub use into_message::IntoMessage;
pub use message::Message;
pub use one_type::OneType;
pub use options::{
    DuplicateId, InvalidChoice, LostPeer, Notices, PatternOptions, SlowSubscriber, Undeliverable,
};
pub use outbound::{Outbound, OutboundFrame};
pub use outcome::{Admission, AdmissionRefusal, Refusal, Refused, Sent};
pub use pair::Pair;
pub use pattern::Pattern;
pub use peer::{Afterlife, Peer, Twin};
pub use pipe_map::PipeMap;
pub use pipes::{ConnectionRead, DropCause, PipeId, Pipes, Recall, Recalled, Received};
pub use publish::Pub;
pub use pull::Pull;
pub use push::Push;
pub use rep::{Rep, ReturnPath};
pub use req::{Req, RequestFailed};
pub use router::Router;
pub use routing_id::{InvalidRoutingId, RoutingId};
pub use socket_type::SocketType;
pub use sub::Sub;
pub use subscriptions::MAX_TOPIC;
pub use taken_apart::SeveralFrames;
pub use xpub::XPub;
pub use xsub::XSub;
