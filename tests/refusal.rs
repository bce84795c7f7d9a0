//! Refusals: who ends a connection, or refuses one, says why.

mod support;

use std::sync::Arc;

use highwater::{Context, EventKind, LinkError, Pull, Push};
use support::{Place, joined, over_each_transport, wait_for_event};

over_each_transport!(a_message_over_the_limit_ends_the_connection_with_a_reason);

/// Whether the receiver waits and reads the connection itself, or leaves that to the I/O thread; and so for the sender,
/// which finds the end by reading or by writing.
fn a_message_over_the_limit_ends_the_connection_with_a_reason(place: &Place) {
    for (waits, size) in [
        (false, 2000),
        (true, 2000),
        (false, 8 << 20),
        (true, 8 << 20),
    ] {
        let context = Context::new();
        let pull = Arc::new(Pull::builder(&context).max_message_size(1000).build());
        let at = pull.bind(place.any()).expect("bound");
        let waiting = waits.then(|| {
            let pull = Arc::clone(&pull);
            std::thread::spawn(move || assert_eq!(pull.recv().expect("received"), "good"))
        });
        let push = Push::new(&context);
        let events = push.monitor();
        push.connect(&at).expect("connects");
        push.send(vec![1; size]).expect("queued");
        wait_for_event(&events, "of the end, with its reason", |kind| {
            matches!(kind, EventKind::Disconnected { cause: LinkError::Refused { reason }, .. }
                if reason.contains("over the limit of 1000"))
        });
        push.close(std::time::Duration::ZERO);
        if let Some(waiting) = waiting {
            let good = Push::new(&context);
            good.connect(&at).expect("connects");
            good.send("good").expect("queued");
            joined(waiting);
        }
    }
}
