//! Every constant of tuning: numbers that were chosen for speed or fairness, and that another machine may want otherwise.
//!
//! Owns: the numbers, one file for each topic; the rules that use them stand where each file says.
//! Always true: each says why in a sentence, its unit, the cell of `benches/versus` or the test that it serves, and the
//! commit that measured it, or that chose it without a measurement of its own. All were found on a virtual machine with
//! two cores. A number that is a promise (a default, a bound of memory, a limit of the protocol) is no tuning and stays
//! with what it bounds; `tests/arrows.rs` has the list of those, and finds any other number outside these files.
//! Must not know: who uses them. The crate `buffers` and `zmtp`, which use nothing of this crate, have theirs beside them.

mod fairness;
mod inproc;
mod reading;
mod waiting;
mod writing;

pub(crate) use fairness::*;
pub(crate) use inproc::*;
pub(crate) use reading::*;
pub(crate) use waiting::*;
pub(crate) use writing::*;
