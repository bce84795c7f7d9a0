//! PUSH: feeds a pipeline.

use highwater_patterns::SocketType;

super::socket! {
    /// Feeds a pipeline: each message goes, whole, to one of the connected [`Pull`](crate::Pull)s, in turn.
    ///
    /// A PUSH without a peer, or whose peers are all at their high-water mark, is *mute*: `send` waits and `try_send`
    /// gives the message back. One peer with room ends that. Nothing is dropped. It has no `recv`:
    ///
    /// ```compile_fail,E0599
    /// # let context = highwater::Context::new();
    /// highwater::Push::new(&context).recv();
    /// ```
    ///
    /// Nor can it subscribe to anything:
    ///
    /// ```compile_fail,E0599
    /// # let context = highwater::Context::new();
    /// highwater::Push::new(&context).subscribe("topic");
    /// ```
    ///
    /// An endpoint that this end has connected to takes its turns even without a peer, as with libzmq: its messages
    /// wait for the peer. With [`immediate`](crate::Builder::immediate) only connected peers take turns.
    ///
    /// A peer that disconnects leaves the rotation. If this end connected, the messages queued for the peer are kept
    /// until it comes back; if the peer connected, they are lost and counted. Messages that the kernel had taken and
    /// the peer had not read are lost uncounted, as with any use of TCP; where that matters, let the receiver
    /// acknowledge.
    ///
    /// Source: RFC 30/PIPELINE, "The PUSH Socket Type".
    ///
    /// ```
    /// use highwater::{Context, Pull, Push};
    ///
    /// let context = Context::new();
    /// let push = Push::new(&context);
    /// let at = push.bind("tcp://127.0.0.1:0")?;
    /// let pull = Pull::new(&context);
    /// pull.connect(&at)?;
    /// push.send("job 1")?;
    /// push.send(["job", "2"])?;
    /// assert_eq!(pull.recv()?, "job 1");
    /// assert_eq!(pull.recv()?, ["job", "2"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Push, SocketType::Push
}

super::sends!(Push);
