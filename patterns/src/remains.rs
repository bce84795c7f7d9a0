//! The topics of lost connections, removed a budget at a time.
//!
//! Owns: when a topic is removed.
//! Always true: one call removes what its budget allows, and one call more is asked for while topics remain. A new
//! subscription takes no memory before as much of the remains has been freed, so the remains do not add up.
//! Must not know: what the end of a subscription means, or who is told.

use crate::Pipes;
use crate::subscriptions::TOPIC_OVERHEAD;

/// A publisher whose lost connections leave topics.
pub(crate) trait Remains {
    /// Whether nothing is left.
    fn is_empty(&self) -> bool;

    /// Removes one topic, and gives its length in bytes; `None` if none is left.
    fn remove_one(&mut self) -> Option<usize>;

    /// Whether a call of [`go_on`](crate::Pattern::go_on) is asked for and has not come.
    fn is_asked(&mut self) -> &mut bool;
}

/// Removes topics until the budget is spent. If some remain, asks for a call that goes on; if there is nobody who would
/// call, removes all.
pub(crate) fn remove_some(remains: &mut impl Remains, pipes: &mut impl Pipes) {
    while !remains.is_empty() {
        if pipes.has_spent_budget() && (*remains.is_asked() || pipes.go_on_later()) {
            *remains.is_asked() = true;
            return;
        }
        if let Some(bytes) = remains.remove_one() {
            pipes.removed_topic(bytes);
        }
    }
}

/// The call that was asked for.
pub(crate) fn go_on(remains: &mut impl Remains, pipes: &mut impl Pipes) {
    *remains.is_asked() = false;
    remove_some(remains, pipes);
}

/// Frees as much memory as a new subscription to a topic of `bytes` takes, if so much remains.
pub(crate) fn make_way(remains: &mut impl Remains, bytes: usize, pipes: &mut impl Pipes) {
    let mut wanted = bytes + TOPIC_OVERHEAD;
    while wanted > 0
        && let Some(bytes) = remains.remove_one()
    {
        wanted = wanted.saturating_sub(bytes + TOPIC_OVERHEAD);
        pipes.removed_topic(bytes);
    }
}
