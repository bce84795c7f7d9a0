//! Sockets with a security.

use crossbeam_channel::Receiver;
use highwater::security::Security;
use highwater::{Context, Endpoint, Event, Pull};

use super::Place;

/// A bound PULL with this `security`, all of its events, and where it is bound.
pub(crate) fn guarded_pull(
    context: &Context,
    security: Security,
    place: &Place,
) -> (Pull, Receiver<Event>, Endpoint) {
    let pull = Pull::builder(context).security(security).build();
    let events = pull.monitor();
    let at = pull.bind(place.any()).expect("bound");
    (pull, events, at)
}
