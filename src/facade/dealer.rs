//! DEALER: asynchronous requests, spread over the peers.

use highwater_patterns::SocketType;

super::socket! {
    /// Sends each message to one of its peers, in turn, and receives from all of them, fairly; in any order.
    ///
    /// The asynchronous half of request and reply: any number of requests may be under way. Messages pass unchanged.
    /// To speak with a [`Rep`](crate::Rep), put an empty frame first, which is what ends the envelope; its replies
    /// begin with one, too. Mute, it waits like [`Push`](crate::Push); and as there, endpoints where nobody is yet take
    /// their turns unless [`immediate`](crate::Builder::immediate) says no.
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
