//! What the fuzzer runs, for each of `fuzz_targets/`.
//!
//! The plain test `tests/fuzz.rs` of the library compiles the same files, so that the targets are run without a
//! fuzzer, too.

#[path = "../../tests/fuzz/parts.rs"]
mod parts;
#[path = "../../tests/fuzz/targets.rs"]
pub mod targets;

use parts::{endpoint, socks5, zmtp};
