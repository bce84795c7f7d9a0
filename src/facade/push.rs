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
    /// An endpoint that this end has connected to takes its turns also where nobody is there yet, as with libzmq: what it
    /// gets waits for whoever comes. With [`immediate`](crate::Builder::immediate) only those who are there take turns.
    ///
    /// A peer that dies leaves the rotation. What had been queued for it is kept if this end connected, for when it
    /// comes back, and is lost and counted if the peer did. What the kernel had taken and the peer had not read is
    /// lost without a trace, as with any use of TCP; where that matters, let the receiver acknowledge.
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
