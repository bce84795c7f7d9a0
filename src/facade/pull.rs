//! PULL: receives from a pipeline.

use highwater_patterns::SocketType;

super::socket! {
    /// Receives from a pipeline: one message from each connected [`Push`](crate::Push) in turn.
    ///
    /// Messages that are not received wait here up to the receive high-water mark, then in the kernel, then at the
    /// sender, which becomes mute. A PULL has no `send`:
    ///
    /// ```compile_fail,E0599
    /// # let context = highwater::Context::new();
    /// highwater::Pull::new(&context).send("not here");
    /// ```
    ///
    /// Messages that a peer sent before it disconnected can still be received.
    ///
    /// Source: RFC 30/PIPELINE, "The PULL Socket Type".
    Pull, SocketType::Pull
}

super::receives!(Pull);
