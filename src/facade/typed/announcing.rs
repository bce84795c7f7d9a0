//! What a typed socket tells its peers of its payload.
//!
//! Owns: the text of the property `X-Payload`: the name of a type, and that of the codec behind a `+`.
//! Always true: the text is at most 82 visible ASCII characters.
//! Must not know: when and where it is compared (`zmtp/handshake/payload.rs`).

use super::super::AsSocket;
use super::Typed;
use crate::error::OptionError;

/// A codec with a name, which typed sockets can [announce](Typed::announce).
pub trait NamedCodec {
    /// The name, of 1 to 16 visible ASCII characters: `json`, `postcard`, `msgpack` and `cbor` for the codecs of this crate.
    const NAME: &'static str;
}

impl<S: AsSocket, T, C: NamedCodec> Typed<S, T, C> {
    /// Tells peers in the handshake that the payload is a `type_name`, such as `job/2`, encoded by this codec: the property
    /// `X-Payload` is `job/2+json`.
    ///
    /// If both ends of a connection have the property and their values differ in any byte, the connection is refused before a
    /// message is sent: both ends count it in [`Stats::handshakes_failed`](crate::Stats::handshakes_failed), and a monitor gets
    /// [`HandshakeFailed`](crate::EventKind::HandshakeFailed) with
    /// [`PayloadMismatch`](crate::ProtocolError::PayloadMismatch), which has both values. The end that connects tries again with
    /// growing pauses and keeps what it has to send, as the peer may be replaced by one that agrees; within the process the
    /// connection waits until another socket binds the name. If one end says nothing, nothing is compared.
    ///
    /// The name is for both directions: that of the protocol, where a question and its answer have a type each. It changes
    /// when peers with the former type would no longer understand a value. Peers find it with
    /// [`PeerInfo::property`](crate::PeerInfo::property). A socket without a type, and libzmq by `ZMQ_METADATA`, can have the
    /// property, too: see [`Builder::metadata`](crate::Builder::metadata). libzmq itself compares nothing: our socket refuses
    /// it, and closes without an ERROR, after which libzmq would never connect again. A libzmq that accepts our connection
    /// believes that it stands, and may lose what it sends in that moment.
    ///
    /// Takes effect on later binds and connects, so call it first.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: the name is not of 1 to 64 visible ASCII characters, there is no room for one more property; or in
    /// a forked child.
    ///
    /// ```
    /// # #[cfg(all(feature = "json", feature = "cbor"))] {
    /// use std::time::Duration;
    /// use highwater::typed::{Cbor, Json};
    /// use highwater::{Context, EventKind, Pull, Push};
    ///
    /// let context = Context::new();
    /// let pull = Pull::new(&context).typed::<u32, Json>().announce("reading/1")?;
    /// let at = pull.bind("tcp://127.0.0.1:0")?;
    ///
    /// let good = Push::new(&context).typed::<u32, Json>().announce("reading/1")?;
    /// good.connect(&at)?;
    /// good.send(&20)?;
    /// assert_eq!(pull.recv()?, 20);
    /// assert_eq!(pull.peers()[0].property("X-Payload").unwrap(), "reading/1+json");
    ///
    /// let wrong = Push::new(&context).typed::<u32, Cbor>().announce("reading/1")?;
    /// let events = wrong.monitor();
    /// wrong.connect(&at)?;
    /// let why = events.iter().find_map(|event| match event.kind {
    ///     EventKind::HandshakeFailed(why) => Some(why.to_string()),
    ///     _ => None,
    /// });
    /// assert_eq!(why.unwrap(), "the peer's payload is reading/1+json, ours is reading/1+cbor");
    /// # }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn announce(self, type_name: &str) -> Result<Self, OptionError> {
        let payload = payload_of::<C>(Some(type_name))?;
        self.as_socket().core().set_payload(payload)?;
        Ok(self)
    }

    /// As [`announce`](Self::announce), without a type: `X-Payload` is the name of the codec alone, such as `json`.
    ///
    /// # Errors
    ///
    /// [`OptionError`]: there is no room for one more property; or in a forked child.
    pub fn announce_codec(self) -> Result<Self, OptionError> {
        let payload = payload_of::<C>(None)?;
        self.as_socket().core().set_payload(payload)?;
        Ok(self)
    }
}

/// The text of the property: the codec `C`, behind the name of a type.
pub(crate) fn payload_of<C: NamedCodec>(type_name: Option<&str>) -> Result<String, OptionError> {
    const {
        assert!(
            is_visible(C::NAME, MOST_OF_CODEC),
            "a codec has a name of 1 to 16 visible ASCII characters"
        );
    }
    match type_name {
        None => Ok(C::NAME.to_owned()),
        Some(name) if is_visible(name, MOST_OF_TYPE) => Ok(format!("{name}+{}", C::NAME)),
        Some(_) => Err(OptionError::Invalid {
            name: "metadata",
            expected: "for X-Payload a name of 1 to 64 visible ASCII characters, such as job/2",
        }),
    }
}

const fn is_visible(name: &str, most: usize) -> bool {
    let name = name.as_bytes();
    let mut at = 0;
    while at < name.len() {
        if !name[at].is_ascii_graphic() {
            return false;
        }
        at += 1;
    }
    !name.is_empty() && name.len() <= most
}

const MOST_OF_TYPE: usize = 64;
const MOST_OF_CODEC: usize = 16;
