//! The parts of the library that are fuzzed: pure ones, which read what a stranger has written.
//!
//! They are no part of its public interface, and a feature that opened it would be one for ever. So they are compiled
//! here once more, from the same sources, as in `benches/codec.rs`; what they say `crate::` to, the root of whoever
//! includes this file provides.

#[allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    missing_docs,
    reason = "a part of the library, of which a part is fuzzed"
)]
#[path = "../../src"]
mod source {
    pub(crate) mod endpoint;
    pub(crate) mod zmtp;

    pub(crate) mod transport {
        pub(crate) mod socks5;
    }
}

pub(crate) use source::transport::socks5;
pub(crate) use source::{endpoint, zmtp};
