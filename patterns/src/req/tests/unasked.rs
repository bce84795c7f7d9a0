//! What has come before a request is written cannot be its reply.

use super::{connect, correlated, reply, req, sending_again};
use crate::{Afterlife, ConnectionRead, DropCause, Message, Received, Refusal};

/// A service has answered twice: the second answer has come, and nobody has read it.
#[test]
fn what_has_come_unread_before_a_request_is_thrown_away() {
    for mut req in [req(), sending_again()] {
        let pipe = req.accept(1);
        let twice = ["again", "and again"].map(|text| Message::from(["", text]));
        req.pipes.pipe(pipe).unread = twice.map(Received::Message).into();
        req.send("x").expect("its turn");
        assert_eq!(reply(&mut req), None);
        assert_eq!(req.pipes.drops(DropCause::LateReply), 2);
        assert_eq!(req.pipes.pipe(pipe).cuts, 0);
        req.arrive(pipe, ["", "y"]);
        assert_eq!(reply(&mut req), Some(Ok("y".into())));
    }
}

/// A number tells the replies apart: nothing is read, and nothing is replaced.
#[test]
fn a_numbered_request_needs_no_look_at_its_connection() {
    let mut req = correlated();
    let pipe = req.accept(1);
    req.pipes.pipe(pipe).behind_unread = Some(ConnectionRead::Ended);
    req.send("x").expect("its turn");
    assert_eq!(req.pipes.take(pipe).len(), 1);
    assert_eq!(req.pipes.pipe(pipe).cuts, 0);
}

/// Of a connection that is replaced no answer is taken. The request is not lost with it: it goes to another peer, or waits.
#[test]
fn a_request_is_not_written_where_its_answer_could_not_be_told() {
    for behind_unread in [ConnectionRead::Part, ConnectionRead::Ended] {
        for others in [0, 1] {
            let mut req = req();
            let pipe = req.accept(1);
            let other = (0..others).map(|_| req.accept(2)).next();
            req.pipes.pipe(pipe).behind_unread = Some(behind_unread);
            req.pipes.pipe(pipe).sends_at_once = true;
            req.send("x").expect("its turn");
            assert_eq!(req.pipes.pipe(pipe).cuts, 1);
            req.arrive(pipe, ["", "unasked"]);
            assert_eq!(reply(&mut req), None);
            req.disconnect(pipe, Afterlife::Reconnects);
            connect(&mut req, pipe);
            let asked = other.unwrap_or(pipe);
            assert_eq!(req.pipes.take(asked).len(), 1);
            req.arrive(asked, ["", "y"]);
            assert_eq!(reply(&mut req), Some(Ok("y".into())));
        }
    }
}

/// It cannot be seen whether all of it was dropped: the connection is replaced, and that of another peer stays.
#[test]
fn a_peer_that_sends_more_than_a_call_looks_at_is_not_asked_on_that_connection() {
    let mut req = req();
    let [pipe, other] = [1, 2].map(|id| req.accept(id));
    let flood = (0..3).map(|_| Received::Message(["", "unasked"].into()));
    req.pipes.pipe(pipe).unread = flood.collect();
    req.pipes.looks = Some(2);
    let refused = req.send("x").expect_err("it waits for the end of it");
    assert_eq!(
        (refused.reason, refused.message),
        (Refusal::Full, "x".into())
    );
    assert_eq!([pipe, other].map(|pipe| req.pipes.pipe(pipe).cuts), [1, 0]);
    req.pipes.looks = None;
    req.send("x").expect("its turn");
    assert_eq!(req.pipes.take(other).len(), 1);
}

/// More has come on it than one call looks at.
#[test]
fn what_a_replaced_connection_has_left_is_no_answer_however_much_it_is() {
    let mut req = req();
    let pipe = req.accept(1);
    req.pipes.pipe(pipe).sends_at_once = true;
    req.send("given up").expect("its turn");
    super::abandon(&mut req);
    assert_eq!(req.pipes.pipe(pipe).cuts, 1);
    req.send("x").expect("it waits for a connection");
    let late = (0..5).map(|_| Received::Message(["", "late"].into()));
    req.pipes.pipe(pipe).arrived = late.collect();
    req.pipes.looks = Some(2);
    req.disconnect(pipe, Afterlife::Reconnects);
    req.pipes.looks = None;
    connect(&mut req, pipe);
    assert_eq!(reply(&mut req), None);
    assert_eq!(req.pipes.drops(DropCause::LateReply), 5);
}
