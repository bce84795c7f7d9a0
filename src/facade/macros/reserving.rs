//! The calls of the socket types that send whole messages to any peer: room that is reserved before there is a message.
//!
//! Owns: the macro.
//! Always true: this documentation appears on every such type; the code here decides nothing.

/// The calls that give permits.
macro_rules! reserves {
    ($name:ident) => {
        impl $name {
            /// Reserves room for one message at the next peer that has some: [`Permit::send`](crate::Permit::send) then
            /// needs no room.
            ///
            /// Waits as [`send`](Self::send) does, at most `send_timeout`. Messages that are sent by permits wait in memory
            /// up to the high-water mark, as those of [`send_async`](Self::send_async) do.
            ///
            /// # Errors
            ///
            /// [`ReserveError`](crate::ReserveError).
            pub fn reserve(&self) -> Result<crate::Permit, crate::ReserveError> {
                crate::Permit::reserve(&self.core, crate::socket::Wait::Configured)
            }

            /// As [`reserve`](Self::reserve), without waiting.
            ///
            /// # Errors
            ///
            /// [`ReserveError`](crate::ReserveError).
            pub fn try_reserve(&self) -> Result<crate::Permit, crate::ReserveError> {
                crate::Permit::reserve(&self.core, crate::socket::Wait::No)
            }

            /// As [`reserve`](Self::reserve), but waits at most `timeout`.
            ///
            /// # Errors
            ///
            /// [`ReserveError`](crate::ReserveError).
            pub fn reserve_timeout(
                &self,
                timeout: std::time::Duration,
            ) -> Result<crate::Permit, crate::ReserveError> {
                crate::Permit::reserve(&self.core, crate::socket::Wait::AtMost(timeout))
            }

            /// As [`reserve`](Self::reserve), as a future; it waits without limit.
            ///
            /// ```
            /// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
            #[doc = concat!("# let context = highwater::Context::new(); let socket = highwater::", stringify!($name), "::new(&context);")]
            /// # async fn next_job() -> String { String::new() }
            /// let permit = socket.reserve_async().await?; // first the room, then the job
            /// permit.send(next_job().await)?;
            /// # Ok(()) }
            /// ```
            ///
            /// # Cancel safety
            ///
            /// A future that is dropped before it is ready has reserved nothing.
            ///
            /// # Errors
            ///
            /// [`ReserveError`](crate::ReserveError); never `Full`.
            pub fn reserve_async(&self) -> crate::ReserveFuture {
                crate::ReserveFuture::new(&self.core)
            }
        }
    };
}
pub(in crate::facade) use reserves;
