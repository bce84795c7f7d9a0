//! DEALER: asynchronous requests, spread over the peers.

use highwater_patterns::SocketType;

super::socket! {
    /// Sends each message to one of its peers, in turn, and receives from all of them, fairly.
    ///
    /// The asynchronous half of request and reply: any number of requests may be in flight, and replies come in any
    /// order. Messages pass unchanged. To talk to a [`Rep`](crate::Rep), put an empty frame first, which ends the
    /// envelope; its replies begin with one, too. A mute DEALER waits like a [`Push`](crate::Push). An endpoint without
    /// a peer takes its turn as well, unless [`immediate`](crate::Builder::immediate) is set.
    ///
    /// Source: RFC 28/REQREP, "The DEALER Socket Type".
    ///
    /// ```
    /// use highwater::{Context, Dealer, Rep};
    ///
    /// let context = Context::new();
    /// let service = Rep::new(&context);
    /// let at = service.bind("tcp://127.0.0.1:0")?;
    /// let dealer = Dealer::new(&context);
    /// dealer.connect(&at)?;
    /// dealer.send(["", "first"])?;
    /// dealer.send(["", "second"])?;
    /// for _ in 0..2 {
    ///     let request = service.recv()?;
    ///     let answer = request.message().clone();
    ///     request.reply(answer)?;
    /// }
    /// assert_eq!(dealer.recv()?, ["", "first"]);
    /// assert_eq!(dealer.recv()?, ["", "second"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    Dealer, SocketType::Dealer
}

super::sends!(Dealer);
super::receives!(Dealer);
