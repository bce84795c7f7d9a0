//! What stands for the bare clients on systems other than Linux: they say that it is not measured there.

pub(super) mod unequal {
    use std::time::Duration;

    use super::super::Job;
    use crate::peers::{Failure, Outcome, Socket};
    use crate::plan::{Near, Receiver};

    pub(in super::super) const SHORTEST: usize = 16;

    pub(in super::super) fn pace(_: usize) -> Outcome<Duration> {
        Err(Failure::unsupported("measured on Linux"))
    }

    pub(in super::super) async fn measure(
        _: &Job,
        _: &mut impl Socket,
        _: Receiver,
        _: usize,
    ) -> Outcome<()> {
        Err(Failure::unsupported("measured on Linux"))
    }

    pub(in super::super) fn send(_: &str, _: Receiver, _: usize, _: Near) -> Outcome<()> {
        Err(Failure::unsupported("measured on Linux"))
    }
}

pub(super) mod bare {
    use crate::peers::{Failure, Outcome};

    pub(in super::super) enum Crowd {}

    impl Crowd {
        pub(in super::super) fn connect(_to: &str, _connections: usize) -> Outcome<Self> {
            Err(Failure::unsupported("measured on Linux"))
        }

        pub(in super::super) fn stay(self) -> Outcome<()> {
            match self {}
        }

        pub(in super::super) fn stream(self, _size: usize) -> Outcome<()> {
            match self {}
        }
    }
}
