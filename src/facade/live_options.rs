//! Setters, by type, of the options that most programs change while a socket is at work.
//!
//! Owns: the macro that gives them to every handle and to the trait `Socket`.
//! Always true: they do what `set_option` does with the same value as text.

/// The setters of every type of socket.
macro_rules! sets_live_options {
    ($vis:vis $this:ident => $core:expr, [$($sized:tt)*]) => {
        /// Sets [`send_timeout`](crate::Builder::send_timeout) for the calls from now on.
        ///
        /// # Errors
        ///
        /// [`OptionError`](crate::OptionError): only in a forked child.
        $vis fn set_send_timeout(
            &$this,
            timeout: impl Into<Option<std::time::Duration>>,
        ) -> Result<(), crate::OptionError>
        where
            $($sized)*
        {
            $core.set_live("send_timeout", &timeout.into())
        }

        /// Sets [`receive_timeout`](crate::Builder::receive_timeout) for the calls from now on.
        ///
        /// # Errors
        ///
        /// [`OptionError`](crate::OptionError): only in a forked child.
        $vis fn set_receive_timeout(
            &$this,
            timeout: impl Into<Option<std::time::Duration>>,
        ) -> Result<(), crate::OptionError>
        where
            $($sized)*
        {
            $core.set_live("receive_timeout", &timeout.into())
        }

        /// Sets [`linger`](crate::Builder::linger), which is read when the socket closes or ends an endpoint.
        ///
        /// # Errors
        ///
        /// [`OptionError`](crate::OptionError): only in a forked child.
        $vis fn set_linger(
            &$this,
            linger: impl Into<crate::Linger>,
        ) -> Result<(), crate::OptionError>
        where
            $($sized)*
        {
            $core.set_live("linger", &linger.into())
        }

        /// Sets [`send_high_water_mark`](crate::Builder::send_high_water_mark), of each peer, at once.
        ///
        /// # Errors
        ///
        /// [`OptionError`](crate::OptionError): the mark is 0; or in a forked child.
        $vis fn set_send_high_water_mark(
            &$this,
            messages: impl Into<Option<usize>>,
        ) -> Result<(), crate::OptionError>
        where
            $($sized)*
        {
            $core.set_live("send_high_water_mark", &messages.into())
        }

        /// Sets [`receive_high_water_mark`](crate::Builder::receive_high_water_mark), of each peer, at once.
        ///
        /// # Errors
        ///
        /// [`OptionError`](crate::OptionError): the mark is 0; or in a forked child.
        $vis fn set_receive_high_water_mark(
            &$this,
            messages: impl Into<Option<usize>>,
        ) -> Result<(), crate::OptionError>
        where
            $($sized)*
        {
            $core
                .set_live("receive_high_water_mark", &messages.into())
        }
    };
}
pub(super) use sets_live_options;
